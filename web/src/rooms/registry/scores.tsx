// A few scores in a line.
import { NONE, significant, words } from "../../kit/format";

const SHOWN_MAX = 3;

export function Scores({ scores }: { scores: Record<string, number> }) {
  const shown = Object.entries(scores).slice(0, SHOWN_MAX);
  if (shown.length === 0) return <>{NONE}</>;
  return (
    <span className="scores">
      {shown.map(([name, value]) => (
        <span key={name} className="number">
          <span className="muted small">{words(name)}</span> {significant(value, 3)}
        </span>
      ))}
    </span>
  );
}
