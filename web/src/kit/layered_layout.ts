// Places a directed graph in layers, left to right: each node right of everything it points from.
//
// Sugiyama, Tagawa and Toda 1981, in its simplest useful form: cycles are broken by a depth-first walk, ranks are
// longest paths, an edge over several ranks gets a bend in each, crossings fall by sweeps of barycentres, and
// within a rank nodes are pulled towards their neighbours without overlapping.

export interface LayoutEdge {
  from: string;
  to: string;
}

export interface LayoutOptions {
  nodeWidth: number;
  nodeHeight: number;
  gapX: number;
  gapY: number;
}

export interface Place {
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  nodes: Map<string, Place>; // Top left corners.
  edges: Array<{ edge: LayoutEdge; points: Place[] }>; // From the right side of `from` to the left side of `to`.
}

const SWEEPS = 8;

interface Cell {
  id: string;
  rank: number;
  order: number;
  y: number;
  isBend: boolean;
  before: Cell[];
  after: Cell[];
}

export function layeredLayout(
  ids: readonly string[],
  edges: readonly LayoutEdge[],
  options: LayoutOptions,
): Layout {
  const known = new Set(ids);
  const usable = edges.filter((edge) => known.has(edge.from) && known.has(edge.to) && edge.from !== edge.to);
  const forward = withoutCycles([...known], usable);
  const ranks = longestPaths([...known], forward);
  const { cells, routes } = buildCells(ranks, forward);
  const layers = layersOf(cells);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) orderLayers(layers, sweep % 2 === 0);
  placeCells(layers, options);
  return measure(usable, forward, routes, cells, options);
}

// Turns round the edges that would close a cycle, and keeps the others.
function withoutCycles(ids: readonly string[], edges: readonly LayoutEdge[]): LayoutEdge[] {
  const outgoing = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const edge of edges) outgoing.get(edge.from)!.push(edge.to);
  const state = new Map<string, "open" | "done">();
  const backwards = new Set<string>();
  for (const start of ids) {
    if (state.has(start)) continue;
    const stack: Array<{ id: string; next: number }> = [{ id: start, next: 0 }];
    state.set(start, "open");
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const to = outgoing.get(top.id)![top.next];
      top.next += 1;
      if (to === undefined) {
        state.set(top.id, "done");
        stack.pop();
      } else if (state.get(to) === "open") {
        backwards.add(`${top.id}\n${to}`);
      } else if (!state.has(to)) {
        state.set(to, "open");
        stack.push({ id: to, next: 0 });
      }
    }
  }
  return edges.map((edge) =>
    backwards.has(`${edge.from}\n${edge.to}`) ? { from: edge.to, to: edge.from } : edge,
  );
}

function longestPaths(ids: readonly string[], edges: readonly LayoutEdge[]): Map<string, number> {
  const ranks = new Map<string, number>(ids.map((id) => [id, 0]));
  const waiting = new Map<string, number>(ids.map((id) => [id, 0]));
  const outgoing = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { from, to } of edges) {
    waiting.set(to, waiting.get(to)! + 1);
    outgoing.get(from)!.push(to);
  }
  const ready = ids.filter((id) => waiting.get(id) === 0);
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    for (const to of outgoing.get(id)!) {
      ranks.set(to, Math.max(ranks.get(to)!, ranks.get(id)! + 1));
      waiting.set(to, waiting.get(to)! - 1);
      if (waiting.get(to) === 0) ready.push(to);
    }
  }
  // A node that nothing points to moves next to the first thing that it points to: shorter edges.
  for (const id of ids) {
    const targets = outgoing.get(id)!;
    const isSource = !edges.some((edge) => edge.to === id);
    if (isSource && targets.length > 0) ranks.set(id, Math.min(...targets.map((to) => ranks.get(to)!)) - 1);
  }
  return ranks;
}

function buildCells(ranks: Map<string, number>, edges: readonly LayoutEdge[]) {
  const cells = new Map<string, Cell>();
  const make = (id: string, rank: number, isBend: boolean): Cell => {
    const cell: Cell = { id, rank, order: cells.size, y: 0, isBend, before: [], after: [] };
    cells.set(id, cell);
    return cell;
  };
  for (const [id, rank] of ranks) make(id, rank, false);
  const routes = edges.map(({ from, to }, index) => {
    const route = [cells.get(from)!];
    for (let rank = ranks.get(from)! + 1; rank < ranks.get(to)!; rank += 1) {
      route.push(make(`\n${index} ${rank}`, rank, true));
    }
    route.push(cells.get(to)!);
    for (let i = 1; i < route.length; i += 1) {
      route[i - 1]!.after.push(route[i]!);
      route[i]!.before.push(route[i - 1]!);
    }
    return route;
  });
  return { cells: [...cells.values()], routes };
}

function layersOf(cells: readonly Cell[]): Cell[][] {
  const layers: Cell[][] = [];
  for (const cell of cells) (layers[cell.rank] ??= []).push(cell);
  const dense = Array.from(layers, (layer) => layer ?? []);
  for (const layer of dense) layer.forEach((cell, index) => (cell.order = index));
  return dense;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function orderLayers(layers: Cell[][], downwards: boolean): void {
  for (const layer of downwards ? layers : [...layers].reverse()) {
    const wish = new Map(
      layer.map((cell) => {
        const beside = downwards ? cell.before : cell.after;
        return [cell, beside.length > 0 ? mean(beside.map((other) => other.order)) : cell.order];
      }),
    );
    layer.sort((a, b) => wish.get(a)! - wish.get(b)! || a.order - b.order);
    layer.forEach((cell, index) => (cell.order = index));
  }
}

function placeCells(layers: Cell[][], { nodeHeight, gapY }: LayoutOptions): void {
  const heightOf = (cell: Cell): number => (cell.isBend ? gapY : nodeHeight);
  for (const layer of layers) {
    let y = 0;
    for (const cell of layer) {
      cell.y = y + heightOf(cell) / 2;
      y += heightOf(cell) + gapY;
    }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const downwards = sweep % 2 === 0;
    for (const layer of downwards ? layers : [...layers].reverse()) {
      const wishes = layer.map((cell) => {
        const beside = downwards ? cell.before : cell.after;
        return beside.length > 0 ? mean(beside.map((other) => other.y)) : cell.y;
      });
      spread(layer, wishes, (a, b) => (heightOf(a) + heightOf(b)) / 2 + gapY);
    }
  }
}

// Puts the cells of a layer as near their wishes as their order and distances allow: neighbours that would
// overlap merge into a block at the mean of what they wish (pool adjacent violators).
function spread(layer: Cell[], wishes: number[], distance: (a: Cell, b: Cell) => number): void {
  const offsets: number[] = [];
  layer.forEach((cell, i) => offsets.push(i === 0 ? 0 : offsets[i - 1]! + distance(layer[i - 1]!, cell)));
  const blocks: Array<{ sum: number; size: number }> = [];
  wishes.forEach((wish, i) => {
    let block = { sum: wish - offsets[i]!, size: 1 };
    for (
      let last = blocks.at(-1);
      last && last.sum / last.size > block.sum / block.size;
      last = blocks.at(-1)
    ) {
      blocks.pop();
      block = { sum: last.sum + block.sum, size: last.size + block.size };
    }
    blocks.push(block);
  });
  let i = 0;
  for (const block of blocks) {
    for (let n = 0; n < block.size; n += 1, i += 1) layer[i]!.y = block.sum / block.size + offsets[i]!;
  }
}

function measure(
  edges: readonly LayoutEdge[],
  forward: readonly LayoutEdge[],
  routes: Cell[][],
  cells: Cell[],
  { nodeWidth, nodeHeight, gapX }: LayoutOptions,
): Layout {
  const left = Math.min(0, ...cells.map((cell) => cell.rank));
  const top = Math.min(...cells.map((cell) => cell.y - nodeHeight / 2), Number.POSITIVE_INFINITY);
  const x = (cell: Cell): number => (cell.rank - left) * (nodeWidth + gapX);
  const y = (cell: Cell): number => cell.y - (Number.isFinite(top) ? top : 0);
  const nodes = new Map(
    cells
      .filter((cell) => !cell.isBend)
      .map((cell) => [cell.id, { x: x(cell), y: y(cell) - nodeHeight / 2 }]),
  );
  const routed = routes.map((route, index) => {
    const points = route.flatMap((cell, i) => {
      if (i === 0) return [{ x: x(cell) + nodeWidth, y: y(cell) }];
      if (i === route.length - 1) return [{ x: x(cell), y: y(cell) }];
      return [
        { x: x(cell), y: y(cell) },
        { x: x(cell) + nodeWidth, y: y(cell) },
      ];
    });
    const edge = edges[index]!;
    return { edge, points: forward[index] === edge ? points : [...points].reverse() };
  });
  return {
    width: Math.max(0, ...cells.map((cell) => x(cell) + nodeWidth)),
    height: Math.max(0, ...cells.map((cell) => y(cell) + nodeHeight / 2)),
    nodes,
    edges: routed,
  };
}

// A smooth path through the points: horizontal at each of them.
export function curve(points: readonly Place[]): string {
  return points
    .map((point, i) => {
      const last = points[i - 1];
      if (!last) return `M${point.x} ${point.y}`;
      const middle = (last.x + point.x) / 2;
      return `C${middle} ${last.y} ${middle} ${point.y} ${point.x} ${point.y}`;
    })
    .join("");
}
