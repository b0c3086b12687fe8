// The lineage of a node, as a graph or as a list. Choosing a node makes it the root.
import { useMemo, useState } from "react";
import type { Lineage } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Badge, Button, Card, Facts } from "../../kit/basics";
import { Copy, Dialog } from "../../kit/dialog";
import { shortId, words } from "../../kit/format";
import { Graph, type GraphEdge } from "../../kit/graph";
import { Page } from "../../kit/page";
import { Link, navigate, path, useSearch } from "../../kit/router";
import { Loaded } from "../../kit/states";
import { Choice, Tabs } from "../../kit/tabs";
import { type GroupedNode, groupAlike } from "./group";
import { kindOf, pageOf } from "./kinds";
import { NodeList } from "./node_list";
import "./lineage.css";

type Direction = "up" | "down" | "both";
const DIRECTIONS: Array<[Direction, string]> = [
  ["both", "Both ways"],
  ["up", "Where from"],
  ["down", "Where to"],
];
const DEPTHS: Array<[string, string]> = [
  ["1", "1 step"],
  ["3", "3"],
  ["32", "All"],
];

const idOf = (node: GroupedNode): string => node.id;

function NodeCard({ node }: { node: GroupedNode }) {
  return (
    <>
      <span className="graph-node-kind">{kindOf(node).name}</span>
      <span className="graph-node-label">{node.label}</span>
    </>
  );
}

function Picture({ lineage, search }: { lineage: Lineage; search: string }) {
  const [opened, setOpened] = useState<GroupedNode | null>(null);
  const { nodes, edges } = useMemo(() => groupAlike(lineage), [lineage]);
  // An edge says what a node came from; the picture flows the other way, from sources to answers.
  const flow = useMemo(
    () => edges.map(({ from, to, relation }): GraphEdge => ({ from: to, to: from, label: words(relation) })),
    [edges],
  );
  const choose = (node: GroupedNode): void => {
    if (node.members.length > 1) setOpened(node);
    else navigate(path`/lineage/${node.id}` + search);
  };
  return (
    <Card flush>
      <Graph
        label="Lineage, from sources on the left to answers on the right"
        nodes={nodes}
        idOf={idOf}
        edges={flow}
        chosen={lineage.root}
        card={(node) => <NodeCard node={node} />}
        classOf={(node) => `series-${kindOf(node).series} ${node.members.length > 1 ? "graph-stack" : ""}`}
        choose={choose}
      />
      {opened && (
        <Dialog title={`${opened.members.length} × ${kindOf(opened).name}`} close={() => setOpened(null)}>
          <ul className="lineage-members">
            {opened.members.map((node) => (
              <li key={node.id}>
                <Link to={path`/lineage/${node.id}` + search}>{node.label}</Link>
              </li>
            ))}
          </ul>
          <div className="row dialog-actions">
            <Button onClick={() => setOpened(null)}>Close</Button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}

function Root({ lineage }: { lineage: Lineage }) {
  const root = lineage.nodes.find(({ id }) => id === lineage.root);
  if (!root) return null;
  const page = pageOf(root);
  const detail = Object.entries(root.detail).map(([name, value]): [string, string] => [
    words(name),
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return (
    <Card>
      <Facts
        facts={[
          ["Kind", kindOf(root).name],
          ["Name", page ? <Link to={page}>{root.label}</Link> : root.label],
          ["Node", <Copy text={root.id}>{shortId(root.id)}</Copy>],
          ...detail,
        ]}
      />
    </Card>
  );
}

export function LineagePage({ params }: { params: Record<string, string> }) {
  const node = params.node!;
  const [search, change] = useSearch();
  const direction = DIRECTIONS.find(([value]) => value === search.get("direction"))?.[0] ?? "both";
  const depth = DEPTHS.find(([value]) => value === search.get("depth"))?.[0] ?? "32";
  const lineage = useQuery("GET /api/v1/lineage/{node}", {
    path: { node },
    query: { direction, depth: Number(depth) },
  });
  const tail = search.size > 0 ? `?${search.toString()}` : "";
  const root = lineage.data?.nodes.find(({ id }) => id === lineage.data?.root);
  return (
    <Page
      title={root ? `Lineage of ${root.label}` : "Lineage"}
      above={[["Lineage", "/lineage"]]}
      badge={root && <Badge>{kindOf(root).name}</Badge>}
      actions={
        <>
          <Choice
            label="Direction"
            value={direction}
            options={DIRECTIONS}
            choose={(value) => change({ direction: value === "both" ? "" : value })}
          />
          <Choice
            label="Depth"
            value={depth}
            options={DEPTHS}
            choose={(value) => change({ depth: value === "32" ? "" : value })}
          />
        </>
      }
    >
      <Loaded query={lineage} lines={10}>
        {(data) => (
          <>
            {data.is_cut && (
              <p className="lineage-cut">There is more than is shown: choose a node, or fewer steps.</p>
            )}
            <Root lineage={data} />
            <Tabs
              label="Form of the lineage"
              param="as"
              tabs={[
                { id: "graph", title: "Graph", body: () => <Picture lineage={data} search={tail} /> },
                {
                  id: "list",
                  title: `List (${data.nodes.length})`,
                  body: () => <NodeList lineage={data} search={tail} />,
                },
              ]}
            />
          </>
        )}
      </Loaded>
    </Page>
  );
}
