// The arms of a deployment next to each other, measure by measure; the better one is marked.
import type { ReactNode } from "react";
import type { DeploymentTarget } from "../../api/types";
import { BarCell, Card } from "../../kit/basics";
import { NONE, count, duration, money, percent, significant } from "../../kit/format";
import { Intervals } from "../../kit/interval";

type Stats = DeploymentTarget["stats"];

interface Measure {
  name: string;
  better: "less" | "more" | "neither";
  value: (stats: Stats) => number | null;
  say: (value: number, stats: Stats) => ReactNode;
}

const per = (total: number, requests: number): number | null => (requests > 0 ? total / requests : null);

export const MEASURES: Measure[] = [
  { name: "Requests", better: "neither", value: (stats) => stats.requests, say: count },
  {
    name: "Errors",
    better: "less",
    value: (stats) => per(stats.errors, stats.requests),
    say: (value, stats) => `${count(stats.errors)} (${percent(value, 1)})`,
  },
  { name: "First token, median", better: "less", value: (stats) => stats.ttft_ms_p50, say: duration },
  { name: "First token, 95th", better: "less", value: (stats) => stats.ttft_ms_p95, say: duration },
  {
    name: "Tokens a second",
    better: "more",
    value: (stats) => stats.tokens_per_second,
    say: (value) => significant(value, 3),
  },
  {
    name: "Cost a request",
    better: "less",
    value: (stats) => per(stats.cost_usd, stats.requests),
    say: money,
  },
  { name: "Cost", better: "neither", value: (stats) => stats.cost_usd, say: money },
  {
    name: "Score, mean",
    better: "more",
    value: (stats) => stats.score_mean,
    say: (value, stats) => `${significant(value, 3)} of ${count(stats.score_count)}`,
  },
];

// The index of the best value; -1 when there is none to prefer.
export function bestOf(values: ReadonlyArray<number | null>, better: Measure["better"]): number {
  const known = values.filter((value) => value !== null);
  if (better === "neither" || known.length < 2 || new Set(known).size < 2) return -1;
  return values.indexOf(better === "less" ? Math.min(...known) : Math.max(...known));
}

function ArmsRow({ measure, targets }: { measure: Measure; targets: DeploymentTarget[] }) {
  const values = targets.map(({ stats }) => measure.value(stats));
  const most = Math.max(...values.map((value) => value ?? 0));
  const best = bestOf(values, measure.better);
  return (
    <tr>
      <th scope="row">{measure.name}</th>
      {targets.map(({ id, stats }, index) => {
        const value = values[index] ?? null;
        return (
          <td key={id} className={index === best ? "arm-best" : undefined}>
            {value === null ? (
              NONE
            ) : (
              <BarCell share={most > 0 ? value / most : 0} tone={index === best ? "accent" : "muted"}>
                {measure.say(value, stats)}
                {index === best && <span className="visually-hidden"> (better)</span>}
              </BarCell>
            )}
          </td>
        );
      })}
    </tr>
  );
}

// The scores with their intervals, for the arms that have one.
function ScoreIntervals({ targets }: { targets: DeploymentTarget[] }) {
  const rows = targets.flatMap(({ label, stats }) => {
    const { score_mean: value, score_low: low, score_high: high } = stats;
    if (value === null || typeof low !== "number" || typeof high !== "number") return [];
    return [{ name: label, interval: { value, low, high } }];
  });
  if (rows.length < targets.length) return null;
  return (
    <tr>
      <th scope="row">Score, 95% interval</th>
      <td colSpan={targets.length}>
        <Intervals label="Score" rows={rows} />
      </td>
    </tr>
  );
}

export function Arms({ targets }: { targets: DeploymentTarget[] }) {
  return (
    <Card title="Arms compared" flush>
      <div className="table-box" role="region" aria-label="Arms compared" tabIndex={0}>
        <table className="table arms">
          <thead>
            <tr>
              <th scope="col">Measure</th>
              {targets.map(({ id, label }, index) => (
                <th key={id} scope="col">
                  <span className={`swatch series-${index % 6}`} aria-hidden="true" /> {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {MEASURES.map((measure) => (
              <ArmsRow key={measure.name} measure={measure} targets={targets} />
            ))}
            <ScoreIntervals targets={targets} />
          </tbody>
        </table>
      </div>
    </Card>
  );
}
