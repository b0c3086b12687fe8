// Lines over steps, drawn as SVG at the width that there is. The pointer, or the arrow keys, read values off it.
import {
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { type Point, downsample, smooth } from "./downsample";
import { compact, significant } from "./format";
import { type Scale, extent, linear, ticks } from "./scale";

export interface Series {
  name: string;
  points: readonly Point[];
}

interface LineChartProps {
  title: string;
  series: readonly Series[];
  smoothing?: number; // 0 for the points as they are; the points stay visible, fainter.
  logarithmic?: boolean;
  height?: number;
  xName?: string;
}

const MARGIN = { top: 10, right: 12, bottom: 24, left: 48 };

function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(
      ([entry]) => entry && setWidth(Math.max(160, entry.contentRect.width)),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

function pathOf(points: readonly Point[], x: Scale, y: Scale): string {
  return points
    .map(([px, py], i) => `${i === 0 ? "M" : "L"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`)
    .join("");
}

// What the chart says to those who cannot see it.
export function summaryOf(title: string, series: readonly Series[]): string {
  const said = series.map(({ name, points }) => {
    const first = points[0];
    const last = points[points.length - 1];
    if (!first || !last) return `${name}: no points yet`;
    return `${name}: from ${significant(first[1])} at ${first[0]} to ${significant(last[1])} at ${last[0]}`;
  });
  return `${title}. ${said.join("; ")}`;
}

// The index of the point whose x is nearest.
export function nearest(points: readonly Point[], x: number): number {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]![0] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && x - points[low - 1]![0] < points[low]![0] - x ? low - 1 : low;
}

export function LineChart({
  title,
  series,
  smoothing = 0,
  logarithmic,
  height = 220,
  xName = "step",
}: LineChartProps) {
  const [box, width] = useWidth();
  const [cursor, setCursor] = useState<number | null>(null);
  const shown = useMemo(
    () =>
      series.map(({ name, points }) => {
        const usable = logarithmic
          ? points.filter(([, y]) => y > 0).map(([x, y]) => [x, Math.log10(y)] as const)
          : points;
        return { name, raw: downsample(usable, width), line: downsample(smooth(usable, smoothing), width) };
      }),
    [series, smoothing, logarithmic, width],
  );
  const all = shown.flatMap((one) => one.raw);
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const x = linear(
    extent(
      all.map(([px]) => px),
      0,
    ),
    [MARGIN.left, right],
  );
  const y = linear(
    extent(
      all.map(([, py]) => py),
      0.06,
    ),
    [bottom, MARGIN.top],
  );
  const said = (value: number): number => (logarithmic ? 10 ** value : value);
  const main = shown[0]?.line ?? [];

  const point = (event: PointerEvent<SVGSVGElement>): void => {
    const left = event.currentTarget.getBoundingClientRect().left;
    const share = (event.clientX - left - MARGIN.left) / (right - MARGIN.left);
    setCursor(x.domain[0] + Math.min(1, Math.max(0, share)) * (x.domain[1] - x.domain[0]));
  };
  const press = (event: KeyboardEvent): void => {
    const at = cursor === null ? main.length - 1 : nearest(main, cursor);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: main.length - 1 }[event.key];
    if (to === undefined || main.length === 0) return;
    event.preventDefault();
    setCursor(main[Math.max(0, Math.min(main.length - 1, to))]![0]);
  };
  const reading = cursor === null ? [] : shown.map(({ line }) => line[nearest(line, cursor)]);
  return (
    <figure className="chart" ref={box}>
      <figcaption className="chart-head">
        <span className="chart-title">{title}</span>
        <span className="legend">
          {shown.map(({ name, line }, index) => {
            const value = (cursor === null ? line[line.length - 1] : reading[index])?.[1];
            return (
              <span key={name} className="legend-item">
                <span className={`swatch series-${index % 6}`} aria-hidden="true" />
                {name} <b>{value === undefined ? "–" : significant(said(value))}</b>
              </span>
            );
          })}
          {cursor !== null && reading[0] && (
            <span className="legend-item">
              {xName} <b>{reading[0][0]}</b>
            </span>
          )}
        </span>
      </figcaption>
      <svg
        width={width}
        height={height}
        role="img"
        tabIndex={0}
        aria-label={summaryOf(title, series)}
        onPointerMove={point}
        onPointerLeave={() => setCursor(null)}
        onBlur={() => setCursor(null)}
        onKeyDown={press}
        data-points={series.reduce((sum, one) => sum + one.points.length, 0)}
      >
        <Axes x={x} y={y} right={right} bottom={bottom} name={(value) => compact(said(value))} />
        {shown.map(({ name, raw, line }, index) => (
          <g key={name} className={`series-${index % 6}`}>
            {smoothing > 0 && <path d={pathOf(raw, x, y)} className="line line-faint" />}
            <path d={pathOf(line, x, y)} className="line" />
            {line.length === 1 && <circle cx={x(line[0]![0])} cy={y(line[0]![1])} r="3" className="point" />}
            {reading[index] && (
              <circle cx={x(reading[index][0])} cy={y(reading[index][1])} r="3.5" className="point" />
            )}
          </g>
        ))}
        {reading[0] && <path d={`M${x(reading[0][0])} ${MARGIN.top}V${bottom}`} className="cursor" />}
      </svg>
    </figure>
  );
}

interface AxesProps {
  x: Scale;
  y: Scale;
  right: number;
  bottom: number;
  name: (value: number) => string;
}

function Axes({ x, y, right, bottom, name }: AxesProps) {
  const across = ticks(x.domain[0], x.domain[1], Math.max(2, (right - MARGIN.left) / 90));
  const up = ticks(y.domain[0], y.domain[1], Math.max(2, (bottom - MARGIN.top) / 42));
  return (
    <g className="axes" aria-hidden="true">
      {up.map((value) => (
        <g key={value}>
          <path d={`M${MARGIN.left} ${Math.round(y(value)) + 0.5}H${right}`} />
          <text x={MARGIN.left - 8} y={y(value)} dy="0.32em" textAnchor="end">
            {name(value)}
          </text>
        </g>
      ))}
      {across.map((value) => (
        <text key={value} x={x(value)} y={bottom + 16} textAnchor="middle">
          {compact(value)}
        </text>
      ))}
    </g>
  );
}

// A line without axes, a word high.
export function Sparkline({ points, label }: { points: readonly Point[]; label: string }) {
  const [width, height] = [84, 20];
  const fewer = downsample(points, width);
  const x = linear(
    extent(
      fewer.map(([px]) => px),
      0,
    ),
    [1, width - 1],
  );
  const y = linear(
    extent(
      fewer.map(([, py]) => py),
      0,
    ),
    [height - 2, 2],
  );
  return (
    <svg width={width} height={height} role="img" aria-label={label} className="sparkline series-0">
      <path d={pathOf(fewer, x, y)} className="line" />
    </svg>
  );
}
