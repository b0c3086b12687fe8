// Makes a graph of thousands drawable: nodes of one kind that hang on the same neighbours become one.
import type { Lineage, LineageEdge, LineageNode } from "../../api/types";

export interface GroupedNode extends LineageNode {
  members: LineageNode[]; // Itself alone, or those that it stands for.
}

export interface Grouped {
  nodes: GroupedNode[];
  edges: LineageEdge[];
}

// More alike than this are drawn as one.
export const ALIKE_MAX = 4;

export function groupAlike(lineage: Lineage): Grouped {
  const neighbours = new Map<string, string[]>(lineage.nodes.map(({ id }) => [id, []]));
  for (const { from, to, relation } of lineage.edges) {
    neighbours.get(from)?.push(`>${relation} ${to}`);
    neighbours.get(to)?.push(`<${relation} ${from}`);
  }
  const families = new Map<string, LineageNode[]>();
  for (const node of lineage.nodes) {
    const alone = node.id === lineage.root ? node.id : "";
    const mark = [node.kind, alone, ...neighbours.get(node.id)!.sort()].join("\n");
    families.set(mark, [...(families.get(mark) ?? []), node]);
  }
  const nodes: GroupedNode[] = [];
  const standsFor = new Map<string, string>();
  for (const members of families.values()) {
    if (members.length <= ALIKE_MAX) {
      nodes.push(...members.map((node) => ({ ...node, members: [node] })));
      continue;
    }
    const [first] = members;
    nodes.push({ ...first!, label: `${members.length} alike`, link: null, detail: {}, members });
    for (const { id } of members) standsFor.set(id, first!.id);
  }
  return { nodes, edges: withoutRepeats(lineage.edges, standsFor) };
}

function withoutRepeats(edges: readonly LineageEdge[], standsFor: Map<string, string>): LineageEdge[] {
  const found = new Map<string, LineageEdge>();
  for (const { from, to, relation } of edges) {
    const edge = { from: standsFor.get(from) ?? from, to: standsFor.get(to) ?? to, relation };
    found.set(`${edge.from}\n${edge.to}`, edge);
  }
  return [...found.values()];
}
