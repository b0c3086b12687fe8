// Spans against time: when each began, how long it took, inside what.
import { useState } from "react";
import type { Span } from "../../api/types";
import { duration } from "../../kit/format";
import { ticks } from "../../kit/scale";
import { spanRows } from "./span_tree";

// Spans are many in a long agent run; these are drawn at first.
const SHOWN_MAX = 200;
const NARROWEST = 0.4; // Percent, so that the shortest span can still be seen.

export function Waterfall({ spans }: { spans: Span[] }) {
  const [shown, setShown] = useState(SHOWN_MAX);
  const [open, setOpen] = useState<string | null>(null);
  const rows = spanRows(spans);
  const end = Math.max(1, ...spans.map((span) => span.start_offset_ms + span.duration_ms));
  const percent = (ms: number): number => (ms / end) * 100;
  return (
    <div className="waterfall">
      <div className="waterfall-axis" aria-hidden="true">
        {ticks(0, end, 4).map((ms) => (
          <span key={ms} style={{ left: `${percent(ms)}%` }}>
            {duration(ms)}
          </span>
        ))}
      </div>
      <ol>
        {rows.slice(0, shown).map(({ span, depth }) => (
          <li key={span.id}>
            <button
              type="button"
              className="span-row"
              aria-expanded={open === span.id}
              onClick={() => setOpen(open === span.id ? null : span.id)}
            >
              <span className="span-name" style={{ paddingInlineStart: depth * 12 }}>
                <span className="cut">{span.name}</span>
              </span>
              <span className="span-track">
                <span
                  className={`span-bar ${span.status === "ok" ? `series-${depth % 5}` : "series-down"}`}
                  style={{
                    left: `${Math.min(100 - NARROWEST, percent(span.start_offset_ms))}%`,
                    width: `${Math.max(NARROWEST, percent(span.duration_ms))}%`,
                  }}
                />
              </span>
              <span className="span-ms">{duration(span.duration_ms)}</span>
            </button>
            {open === span.id && <Attributes span={span} />}
          </li>
        ))}
      </ol>
      {shown < rows.length && (
        <button type="button" className="button button-plain" onClick={() => setShown(rows.length)}>
          Show all {rows.length} spans
        </button>
      )}
    </div>
  );
}

function Attributes({ span }: { span: Span }) {
  const rows: Array<[string, unknown]> = [
    ["kind", span.kind],
    ["begins", duration(span.start_offset_ms)],
    ...Object.entries(span.attributes),
  ];
  return (
    <dl className="span-attributes">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
