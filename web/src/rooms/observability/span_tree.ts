// Spans in the order of their tree.
import type { Span } from "../../api/types";

export interface SpanRow {
  span: Span;
  depth: number;
}

// Parents before children, children by start. A span whose parent is unknown, or that is in a ring, is a root.
export function spanRows(spans: readonly Span[]): SpanRow[] {
  const known = new Set(spans.map(({ id }) => id));
  const children = new Map<string | null, Span[]>();
  for (const span of spans) {
    const parent = span.parent_id !== null && known.has(span.parent_id) ? span.parent_id : null;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: SpanRow[] = [];
  const seen = new Set<string>();
  const visit = (span: Span, depth: number): void => {
    if (seen.has(span.id)) return;
    seen.add(span.id);
    rows.push({ span, depth });
    for (const child of byStart(children.get(span.id) ?? [])) visit(child, depth + 1);
  };
  for (const root of byStart(children.get(null) ?? [])) visit(root, 0);
  for (const span of byStart(spans)) visit(span, 0);
  return rows;
}

function byStart(spans: readonly Span[]): Span[] {
  return [...spans].sort((a, b) => a.start_offset_ms - b.start_offset_ms || b.duration_ms - a.duration_ms);
}
