// A value with its confidence interval, drawn on a scale that is shared by those it is compared with.
import { significant, signed } from "./format";
import { extent, linear } from "./scale";

export interface IntervalValue {
  value: number;
  low: number;
  high: number;
}

interface IntervalsProps {
  label: string;
  rows: Array<{ name: string; interval: IntervalValue }>;
}

const WIDTH = 260;
const ROW = 22;

// One row for each, all on one scale: where the bars do not overlap, the difference is hard to doubt.
export function Intervals({ label, rows }: IntervalsProps) {
  const values = rows.flatMap(({ interval }) => [interval.low, interval.value, interval.high]);
  const x = linear(extent(values, 0.08), [4, WIDTH - 4]);
  const said = rows.map(({ name, interval }) => `${name} ${sayInterval(interval)}`).join("; ");
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${rows.length * ROW}`}
      width={WIDTH}
      height={rows.length * ROW}
      role="img"
      aria-label={`${label}: ${said}`}
      className="intervals"
    >
      {rows.map(({ name, interval }, index) => {
        const y = index * ROW + ROW / 2;
        return (
          <g key={name} className={`series-${index % 6}`}>
            <path d={`M4 ${y}H${WIDTH - 4}`} className="interval-ground" />
            <path d={`M${x(interval.low)} ${y}H${x(interval.high)}`} className="interval-bar" />
            <path
              d={`M${x(interval.low)} ${y - 4}v8M${x(interval.high)} ${y - 4}v8`}
              className="interval-end"
            />
            <circle cx={x(interval.value)} cy={y} r="4" className="point" />
          </g>
        );
      })}
    </svg>
  );
}

// A difference with its interval and the zero that it must stay clear of.
export function Difference({ label, interval }: { label: string; interval: IntervalValue }) {
  const x = linear(extent([0, interval.low, interval.high], 0.12), [4, WIDTH - 4]);
  const clear = interval.low > 0 || interval.high < 0;
  return (
    <svg
      viewBox={`0 0 ${WIDTH} 34`}
      width={WIDTH}
      height="34"
      role="img"
      aria-label={`${label} ${sayInterval(interval)}; ${clear ? "zero is outside" : "zero is inside"}`}
      className={`intervals ${clear ? (interval.low > 0 ? "series-up" : "series-down") : "series-even"}`}
    >
      <path d={`M${x(0)} 2v20`} className="interval-zero" />
      <text x={x(0)} y="32" textAnchor="middle" className="interval-text">
        0
      </text>
      <path d={`M${x(interval.low)} 12H${x(interval.high)}`} className="interval-bar" />
      <path d={`M${x(interval.low)} 8v8M${x(interval.high)} 8v8`} className="interval-end" />
      <circle cx={x(interval.value)} cy="12" r="4" className="point" />
    </svg>
  );
}

export function sayInterval({ value, low, high }: IntervalValue): string {
  return `${significant(value)} (95% ${significant(low)} to ${significant(high)})`;
}

export function IntervalText({
  interval,
  asDifference,
}: {
  interval: IntervalValue;
  asDifference?: boolean;
}) {
  const say = asDifference ? signed : significant;
  return (
    <span className="number">
      <b>{say(interval.value)}</b>{" "}
      <span className="muted">
        [{say(interval.low)}, {say(interval.high)}]
      </span>
    </span>
  );
}
