// The lineage as text: every node, what it came from and what came from it. The same as the graph, for those who
// cannot see it, and for searching in.
import type { Lineage, LineageNode } from "../../api/types";
import { Badge, Card } from "../../kit/basics";
import { words } from "../../kit/format";
import { Link, path } from "../../kit/router";
import { kindOf, pageOf } from "./kinds";

interface NodeListProps {
  lineage: Lineage;
  search: string;
}

// Long lists of neighbours are cut here; the graph's dialog and the node's own page have them all.
const NEIGHBOURS_MAX = 12;

export function NodeList({ lineage, search }: NodeListProps) {
  const byId = new Map(lineage.nodes.map((node) => [node.id, node]));
  const beside = (id: string, here: "from" | "to"): Array<[string, LineageNode]> =>
    lineage.edges.flatMap((edge): Array<[string, LineageNode]> => {
      const other = byId.get(here === "from" ? edge.to : edge.from);
      return edge[here] === id && other ? [[words(edge.relation), other]] : [];
    });
  return (
    <Card flush>
      <ul className="lineage-list" aria-label="Nodes">
        {lineage.nodes.map((node) => {
          const page = pageOf(node);
          return (
            <li key={node.id} aria-current={node.id === lineage.root ? "true" : undefined}>
              <p className="row">
                <Badge>{kindOf(node).name}</Badge>
                <Link to={path`/lineage/${node.id}` + search}>{node.label}</Link>
                {page && (
                  <Link to={page} className="small push">
                    Open its page
                  </Link>
                )}
              </p>
              <Neighbours says="Came from:" found={beside(node.id, "from")} search={search} />
              <Neighbours says="Led to:" found={beside(node.id, "to")} search={search} />
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

interface NeighboursProps {
  says: string;
  found: Array<[string, LineageNode]>;
  search: string;
}

function Neighbours({ says, found, search }: NeighboursProps) {
  if (found.length === 0) return null;
  return (
    <p className="small muted">
      {says}{" "}
      {found.slice(0, NEIGHBOURS_MAX).map(([relation, node], index) => (
        <span key={`${relation} ${node.id}`}>
          {index > 0 && ", "}
          {relation} <Link to={path`/lineage/${node.id}` + search}>{node.label}</Link>
        </span>
      ))}
      {found.length > NEIGHBOURS_MAX && ` and ${found.length - NEIGHBOURS_MAX} more`}
    </p>
  );
}
