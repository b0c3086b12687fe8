// A directed graph: cards for the nodes, curves for the edges. Clicking a node, or Enter on it, chooses it.
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "./basics";
import { type LayoutEdge, curve, layeredLayout } from "./layered_layout";

export interface GraphEdge extends LayoutEdge {
  label: string;
}

interface GraphProps<T> {
  label: string;
  nodes: readonly T[];
  idOf: (node: T) => string;
  edges: readonly GraphEdge[];
  chosen: string;
  card: (node: T) => ReactNode;
  classOf: (node: T) => string;
  choose: (node: T) => void;
}

const SIZE = { nodeWidth: 154, nodeHeight: 50, gapX: 38, gapY: 16 };
const MARGIN = 16;
// A graph is made to fit, but not so small that it cannot be read; then it scrolls.
const ZOOM_MIN = 0.66;
const ZOOM_STEP = 1.25;
const ZOOM_MAX = 2;

export function Graph<T>({ label, nodes, idOf, edges, chosen, card, classOf, choose }: GraphProps<T>) {
  const layout = useMemo(() => layeredLayout(nodes.map(idOf), edges, SIZE), [nodes, edges, idOf]);
  const width = layout.width + 2 * MARGIN;
  const height = layout.height + 2 * MARGIN;
  const box = useRef<HTMLDivElement>(null);
  const [fit, setFit] = useState(1);
  const [wanted, setWanted] = useState<number | null>(null);
  const zoom = wanted ?? fit;
  const place = layout.nodes.get(chosen);
  useEffect(() => {
    if (!box.current || !place) return;
    const { clientWidth, clientHeight } = box.current;
    box.current.scrollTo({
      left: (place.x + MARGIN + SIZE.nodeWidth / 2) * zoom - clientWidth / 2,
      top: (place.y + MARGIN + SIZE.nodeHeight / 2) * zoom - clientHeight / 2,
    });
  }, [place, zoom]);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() =>
      setFit(Math.min(1, Math.max(ZOOM_MIN, element.clientWidth / width))),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [width]);
  const change = (times: number): void => setWanted(Math.min(ZOOM_MAX, Math.max(ZOOM_MIN / 2, zoom * times)));
  return (
    <div className="graph-frame">
      <div className="graph-tools row">
        <Button aria-label="Smaller" onClick={() => change(1 / ZOOM_STEP)}>
          −
        </Button>
        <Button aria-label="Larger" onClick={() => change(ZOOM_STEP)}>
          +
        </Button>
        <Button onClick={() => setWanted(null)}>Fit</Button>
      </div>
      <div className="graph" ref={box} role="group" aria-label={label}>
        <div className="graph-paper" style={{ width, height, zoom }}>
          <svg width={width} height={height} aria-hidden="true">
            <defs>
              <marker
                id="arrow"
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="7"
                markerHeight="7"
                orient="auto"
              >
                <path d="M0 0.500L7 4L0 7.500z" className="graph-arrow" />
              </marker>
            </defs>
            <g transform={`translate(${MARGIN} ${MARGIN})`}>
              {layout.edges.map(({ edge, points }) => (
                <path
                  key={`${edge.from} ${edge.to}`}
                  d={curve(points)}
                  markerEnd="url(#arrow)"
                  className={
                    edge.from === chosen || edge.to === chosen ? "graph-edge graph-edge-near" : "graph-edge"
                  }
                >
                  <title>{(edge as GraphEdge).label}</title>
                </path>
              ))}
            </g>
          </svg>
          {nodes.map((node) => {
            const id = idOf(node);
            const { x, y } = layout.nodes.get(id)!;
            return (
              <button
                key={id}
                type="button"
                className={`graph-node ${classOf(node)}`}
                aria-current={id === chosen ? "true" : undefined}
                style={{ left: x + MARGIN, top: y + MARGIN, width: SIZE.nodeWidth, height: SIZE.nodeHeight }}
                onClick={() => choose(node)}
              >
                {card(node)}
              </button>
            );
          })}
        </div>
      </div>
    </div>
  );
}
