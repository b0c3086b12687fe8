// One evaluation: the verdict, the metrics with how sure they are, and the answers side by side.
import type { Evaluation } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Badge, Card, StateBadge, Time } from "../../kit/basics";
import { pValue, words } from "../../kit/format";
import { Difference, IntervalText, Intervals } from "../../kit/interval";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { Answers } from "./answers";
import "./evaluation.css";

const EVERY_MS = 5000;

function Gate({ evaluation }: { evaluation: Evaluation }) {
  const { gate } = evaluation;
  if (!gate) return null;
  return (
    <Card
      title="Gate"
      actions={<Badge tone={gate.passed ? "ok" : "bad"}>{gate.passed ? "passed" : "held"}</Badge>}
    >
      <ul className="rules">
        {gate.rules.map(({ rule, passed, detail }) => (
          <li key={rule} data-passed={passed}>
            <svg
              viewBox="0 0 16 16"
              width="14"
              height="14"
              role="img"
              aria-label={passed ? "Passed" : "Failed"}
            >
              <path d={passed ? "M3 8.500l3.500 3.500L13 4.500" : "M4 4l8 8M12 4l-8 8"} />
            </svg>
            <div>
              <b>{rule}</b>
              <p className="muted">{detail}</p>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Compared({ evaluation }: { evaluation: Evaluation }) {
  const { comparison } = evaluation;
  if (!comparison) return null;
  const interval = { value: comparison.difference, low: comparison.low, high: comparison.high };
  const clear = comparison.low > 0 || comparison.high < 0;
  return (
    <Card title={`Difference in ${words(comparison.metric)}`}>
      <div className="compared">
        <p>
          <IntervalText interval={interval} asDifference />
        </p>
        <Difference label={`Difference in ${words(comparison.metric)}`} interval={interval} />
        <p className="muted">
          {pValue(comparison.p_value)}. The 95% interval {clear ? "is clear of" : "holds"} zero:{" "}
          {clear ? "the difference is hard to explain by chance." : "this may well be chance."}
        </p>
      </div>
    </Card>
  );
}

function Metrics({ evaluation }: { evaluation: Evaluation }) {
  const { targets } = evaluation;
  const names = [...new Set(targets.flatMap(({ metrics }) => Object.keys(metrics)))];
  if (names.length === 0) return <Empty title="No metrics yet">They appear when the evaluation ends.</Empty>;
  return (
    <Card title="Metrics, with 95% confidence intervals" flush>
      <div className="table-box" role="region" aria-label="Metrics" tabIndex={0}>
        <table className="table metrics">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              {targets.map(({ label }, index) => (
                <th key={label} scope="col">
                  <span className={`swatch series-${index % 6}`} aria-hidden="true" /> {label}
                </th>
              ))}
              <th scope="col">Intervals</th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}>
                <th scope="row">{words(name)}</th>
                {targets.map(({ label, metrics }) => (
                  <td key={label}>{metrics[name] ? <IntervalText interval={metrics[name]} /> : "–"}</td>
                ))}
                <td>
                  <Intervals
                    label={words(name)}
                    rows={targets.flatMap(({ label, metrics }) =>
                      metrics[name] ? [{ name: label, interval: metrics[name] }] : [],
                    )}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

export function EvaluationPage({ params }: { params: Record<string, string> }) {
  const id = params.id!;
  const evaluation = useQuery("GET /api/v1/evaluations/{id}", { path: { id } }, { everyMs: EVERY_MS });
  return (
    <Page
      title={evaluation.data?.name ?? "Evaluation"}
      above={[["Evaluations", "/evaluations"]]}
      badge={evaluation.data && <StateBadge state={evaluation.data.state} />}
      lead={
        evaluation.data && (
          <>
            <Time at={evaluation.data.created_at} /> ·{" "}
            <Link to={path`/lineage/${`evaluation:${id}`}`}>Lineage</Link>
            {evaluation.data.job_id && (
              <>
                {" "}
                · <Link to={path`/jobs/${evaluation.data.job_id}`}>Job</Link>
              </>
            )}
          </>
        )
      }
    >
      <Loaded query={evaluation}>
        {(data) => (
          <>
            <div className="columns">
              <Gate evaluation={data} />
              <Compared evaluation={data} />
            </div>
            <Metrics evaluation={data} />
            <Answers evaluation={data} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
