// How a dataset came about: what each step let through, what it dropped, why, and which records for example.
import type { CurationReport, DropReason, ReportStep } from "../../api/types";
import { Card, Facts, Json } from "../../kit/basics";
import { bytes, count, percent, significant, words } from "../../kit/format";
import { Empty } from "../../kit/states";
import { type Loss, lossesOf } from "./losses";

export function Report({ report }: { report: CurationReport }) {
  const { steps = [], ...rest } = report;
  const hasRest = Object.keys(rest).length > 0;
  const hasFurther = steps.some((step) => furtherOf(step).length > 0);
  if (steps.length === 0 && !hasRest) {
    return <Empty title="No report">This commit was not made by a curation.</Empty>;
  }
  return (
    <div className="stack">
      {steps.length > 0 && (
        <div className="columns">
          <Funnel steps={steps} />
          <Losses losses={lossesOf(steps)} />
        </div>
      )}
      {hasFurther && <FurtherOfSteps steps={steps} />}
      {hasRest && (
        <Card title="Further numbers">
          {isFlat(rest) ? <Facts facts={furtherOf(rest)} /> : <Json value={rest} />}
        </Card>
      )}
    </div>
  );
}

const KNOWN = new Set(["name", "records_in", "records_out", "bytes_in", "bytes_out", "dropped"]);

const isFlat = (value: object): boolean => Object.values(value).every((one) => typeof one !== "object");

// What a step, or the whole, says beside what every step says; but for lists of reasons, which are drawn.
function furtherOf(step: object): Array<[string, string]> {
  return Object.entries(step)
    .filter(([name, value]) => !KNOWN.has(name) && !isReasons(value))
    .map(([name, value]) => [words(name), said(name, value)]);
}

function said(name: string, value: unknown): string {
  if (typeof value === "number") return /bytes/.test(name) ? bytes(value) : significant(value, 6);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === null || typeof value !== "object") return String(value ?? "–");
  if (Array.isArray(value) || !isFlat(value)) return JSON.stringify(value);
  const parts = Object.entries(value).map(([part, one]) => `${words(part)} ${said(part, one)}`);
  return parts.join(", ") || "none";
}

const isReasons = (value: unknown): value is DropReason[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((one) => typeof one?.reason === "string" && typeof one.count === "number");

function reasonsOf(step: object): Array<[string, DropReason[]]> {
  return Object.entries(step).flatMap(([name, value]): Array<[string, DropReason[]]> =>
    !KNOWN.has(name) && isReasons(value) ? [[name, value]] : [],
  );
}

function FurtherOfSteps({ steps }: { steps: ReportStep[] }) {
  return (
    <Card title="What else each step says">
      <div className="stack">
        {steps.map((step) => {
          const facts = furtherOf(step);
          const reasons = reasonsOf(step);
          if (facts.length + reasons.length === 0) return null;
          return (
            <div key={step.name} className="stack-tight">
              <h3>{words(step.name)}</h3>
              <Facts facts={facts} />
              {reasons.map(([name, list]) => (
                <div key={name} className="stack-tight">
                  <h4>{words(name)}</h4>
                  <LossList losses={list.map((reason) => ({ step: "", reason }))} />
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </Card>
  );
}

function Funnel({ steps }: { steps: ReportStep[] }) {
  const most = Math.max(1, ...steps.map((step) => step.records_in));
  const first = steps[0]!;
  const last = steps[steps.length - 1]!;
  return (
    <Card
      title="What each step let through"
      actions={
        <span className="muted small">
          {count(first.records_in)} → {count(last.records_out)} records (
          {percent(last.records_out / (first.records_in || 1), 1)})
        </span>
      }
    >
      <ol className="funnel">
        {steps.map((step, index) => (
          <FunnelStep key={`${index} ${step.name}`} step={step} most={most} />
        ))}
      </ol>
    </Card>
  );
}

function FunnelStep({ step, most }: { step: ReportStep; most: number }) {
  const dropped = step.records_in - step.records_out;
  return (
    <li>
      <div className="funnel-names">
        <b>{words(step.name)}</b>
        <span className="muted">
          {count(step.records_out)}
          {step.bytes_out !== undefined && ` · ${bytes(step.bytes_out)}`}
          {dropped > 0 && <span className="funnel-dropped"> −{count(dropped)}</span>}
        </span>
      </div>
      <div className="funnel-bar" aria-hidden="true">
        <span className="funnel-kept" style={{ width: `${(step.records_out / most) * 100}%` }} />
        <span className="funnel-lost" style={{ width: `${(Math.max(0, dropped) / most) * 100}%` }} />
      </div>
    </li>
  );
}

function Losses({ losses }: { losses: Loss[] }) {
  return (
    <Card title="What was dropped, and why">
      {losses.length === 0 ? <Empty title="Nothing was dropped" /> : <LossList losses={losses} />}
    </Card>
  );
}

function LossList({ losses }: { losses: Loss[] }) {
  const most = Math.max(1, ...losses.map(({ reason }) => reason.count));
  return (
    <ul className="losses">
      {losses.map(({ step, reason }) => (
        <li key={`${step} ${reason.reason}`}>
          <LossRow step={step} reason={reason} most={most} />
        </li>
      ))}
    </ul>
  );
}

function LossRow({ step, reason, most }: { step: string; reason: DropReason; most: number }) {
  const examples = reason.examples ?? [];
  const line = (
    <>
      <span className="loss-name">
        {words(reason.reason)} <span className="muted">{words(step)}</span>
      </span>
      <span className="loss-bar" aria-hidden="true">
        <span style={{ width: `${(reason.count / most) * 100}%` }} />
      </span>
      <b>{count(reason.count)}</b>
    </>
  );
  if (examples.length === 0) return <div className="loss">{line}</div>;
  return (
    <details>
      <summary className="loss">{line}</summary>
      <ul className="loss-examples">
        {examples.map((example) => (
          <li key={example.id}>
            <p className="small">
              <code>{example.id}</code> <span className="muted">{example.detail}</span>
            </p>
            {example.text && <pre className="code">{example.text}</pre>}
          </li>
        ))}
      </ul>
    </details>
  );
}
