// Many alike become one; the root and the different stay themselves.
import { describe, expect, it } from "vitest";
import type { Lineage, LineageNode } from "../../api/types";
import { ALIKE_MAX, groupAlike } from "./group";

const node = (id: string, kind: LineageNode["kind"]): LineageNode => ({
  id,
  kind,
  label: id,
  link: null,
  detail: {},
});
const records = Array.from({ length: ALIKE_MAX + 3 }, (_, i) => node(`record:${i}`, "record"));
const lineage: Lineage = {
  root: "dataset_commit:d",
  nodes: [node("dataset_commit:d", "dataset_commit"), ...records, node("source:s", "source")],
  edges: records.flatMap(({ id }) => [
    { from: "dataset_commit:d", to: id, relation: "contains" },
    { from: id, to: "source:s", relation: "read_from" },
  ]),
};

describe("groupAlike", () => {
  it("makes one node and one edge each way of many alike", () => {
    const { nodes, edges } = groupAlike(lineage);
    expect(nodes).toHaveLength(3);
    expect(nodes.find(({ members }) => members.length > 1)!.members).toHaveLength(records.length);
    expect(edges).toHaveLength(2);
  });
  it("does not hide the root among others like it", () => {
    const { nodes } = groupAlike({ ...lineage, root: "record:2" });
    expect(nodes.find(({ id }) => id === "record:2")!.members).toHaveLength(1);
  });
  it("leaves those apart that hang on something else", () => {
    const edges = [...lineage.edges, { from: "record:0", to: "dataset_commit:d", relation: "labelled_in" }];
    expect(groupAlike({ ...lineage, edges }).nodes.map(({ id }) => id)).toContain("record:0");
  });
});
