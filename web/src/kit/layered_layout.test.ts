// A layout is good when edges go forward, nothing overlaps, and cycles do no harm.
import { describe, expect, it } from "vitest";
import { type LayoutEdge, curve, layeredLayout } from "./layered_layout";

const OPTIONS = { nodeWidth: 100, nodeHeight: 40, gapX: 50, gapY: 10 };
const edges = (...pairs: string[]): LayoutEdge[] => pairs.map((pair) => ({ from: pair[0]!, to: pair[1]! }));
const place = (ids: string, ...pairs: string[]) => layeredLayout([...ids], edges(...pairs), OPTIONS);

function overlaps(nodes: Map<string, { x: number; y: number }>): boolean {
  const all = [...nodes.values()];
  return all.some((a, i) =>
    all
      .slice(i + 1)
      .some((b) => Math.abs(a.x - b.x) < OPTIONS.nodeWidth && Math.abs(a.y - b.y) < OPTIONS.nodeHeight),
  );
}

describe("layeredLayout", () => {
  it("puts every node right of what it comes from", () => {
    const pairs = ["ab", "bc", "ad", "dc", "ce"];
    const { nodes } = place("abcde", ...pairs);
    for (const [from, to] of pairs) expect(nodes.get(from!)!.x).toBeLessThan(nodes.get(to!)!.x);
  });
  it("overlaps nothing, also where many share a layer", () => {
    const ids = "abcdefghijklmnop";
    const { nodes } = place(
      ids,
      ...[..."bcdefghijklmno"].map((to) => `a${to}`),
      ...[..."bcdefg"].map((from) => `${from}p`),
    );
    expect(nodes.size).toBe(ids.length);
    expect(overlaps(nodes)).toBe(false);
  });
  it("keeps all within its width and height, from zero", () => {
    const { nodes, width, height } = place("abcd", "ab", "ac", "ad");
    for (const { x, y } of nodes.values()) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + OPTIONS.nodeWidth).toBeLessThanOrEqual(width);
      expect(y + OPTIONS.nodeHeight).toBeLessThanOrEqual(height);
    }
  });
  it("draws cycles, self-edges and edges to nowhere without ending up in a loop", () => {
    const { nodes, edges: drawn } = place("abc", "ab", "bc", "ca", "aa", "ax");
    expect(nodes.size).toBe(3);
    expect(drawn).toHaveLength(3);
  });
  it("leads an edge over several layers around the nodes between", () => {
    const { edges: drawn } = place("abcd", "ab", "bc", "cd", "ad");
    const long = drawn.find(({ edge }) => edge.from === "a" && edge.to === "d")!;
    expect(long.points.length).toBeGreaterThan(2);
  });
  it("does not cross two parallel chains", () => {
    const { nodes } = place("abcdef", "ab", "bc", "de", "ef");
    const above = (a: string, b: string): boolean => nodes.get(a)!.y < nodes.get(b)!.y;
    expect([above("b", "e"), above("c", "f")]).toEqual([above("a", "d"), above("a", "d")]);
  });
  it("is empty for an empty graph", () => {
    expect(layeredLayout([], [], OPTIONS)).toMatchObject({ width: 0, height: 0, edges: [] });
  });
  it("places a long chain and a wide graph in a moment", () => {
    const ids = Array.from({ length: 600 }, (_, i) => `n${i}`);
    const chain = ids.slice(1).map((to, i) => ({ from: ids[i - (i % 3)]!, to }));
    expect(layeredLayout(ids, chain, OPTIONS).nodes.size).toBe(600);
  });
});

describe("curve", () => {
  it("begins at the first point and ends at the last", () => {
    expect(
      curve([
        { x: 0, y: 5 },
        { x: 10, y: 9 },
      ]),
    ).toBe("M0 5C5 5 5 9 10 9");
  });
});
