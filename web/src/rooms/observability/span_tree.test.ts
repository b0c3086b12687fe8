// Spans come out once each, parents first, whatever the parents say.
import { describe, expect, it } from "vitest";
import type { Span } from "../../api/types";
import { spanRows } from "./span_tree";

const span = (id: string, parent_id: string | null, start_offset_ms: number): Span => ({
  id,
  parent_id,
  start_offset_ms,
  name: id,
  kind: "x",
  started_at: "",
  duration_ms: 1,
  status: "ok",
  attributes: {},
});
const rows = (...spans: Span[]): string[] =>
  spanRows(spans).map(({ span: { id }, depth }) => `${id}${depth}`);

describe("spanRows", () => {
  it("puts children under their parent, by start", () => {
    expect(rows(span("c", "a", 5), span("b", "a", 2), span("a", null, 0), span("d", "b", 3))).toEqual([
      "a0",
      "b1",
      "d2",
      "c1",
    ]);
  });
  it("takes a span whose parent is unknown as a root", () => {
    expect(rows(span("b", "lost", 2), span("a", null, 0))).toEqual(["a0", "b0"]);
  });
  it("shows a ring once, and ends", () => {
    expect(rows(span("a", "b", 0), span("b", "a", 1), span("c", "c", 2)).sort()).toEqual(["a0", "b1", "c0"]);
  });
});
