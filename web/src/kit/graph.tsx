// A directed graph: cards for the nodes, curves for the edges. Clicking a node, or Enter on it, chooses it.
import { type ReactNode, useEffect, useMemo, useRef } from "react";
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
  nameOf: (node: T) => string;
  choose: (node: T) => void;
}

const SIZE = { nodeWidth: 176, nodeHeight: 52, gapX: 64, gapY: 14 };
const MARGIN = 16;

export function Graph<T>({
  label,
  nodes,
  idOf,
  edges,
  chosen,
  card,
  classOf,
  nameOf,
  choose,
}: GraphProps<T>) {
  const layout = useMemo(() => layeredLayout(nodes.map(idOf), edges, SIZE), [nodes, edges, idOf]);
  const box = useRef<HTMLDivElement>(null);
  const place = layout.nodes.get(chosen);
  useEffect(() => {
    if (!box.current || !place) return;
    const { clientWidth, clientHeight } = box.current;
    box.current.scrollTo({ left: place.x - clientWidth / 2 + 88, top: place.y - clientHeight / 2 + 26 });
  }, [place]);
  const width = layout.width + 2 * MARGIN;
  const height = layout.height + 2 * MARGIN;
  return (
    <div className="graph" ref={box} role="group" aria-label={label}>
      <div className="graph-paper" style={{ width, height }}>
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
              aria-label={nameOf(node)}
              style={{ left: x + MARGIN, top: y + MARGIN, width: SIZE.nodeWidth, height: SIZE.nodeHeight }}
              onClick={() => choose(node)}
            >
              {card(node)}
            </button>
          );
        })}
      </div>
    </div>
  );
}
