// One deployment: the split, its arms compared, the decision and why, the replicas, and what was done to it.
import type { ReactNode } from "react";
import type { Deployment } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Badge, Card, Facts, StateBadge, Time } from "../../kit/basics";
import { pValue, words } from "../../kit/format";
import { Difference, IntervalText } from "../../kit/interval";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { Actions } from "./actions";
import { Arms } from "./arms";
import { Replicas } from "./replicas";
import { ROUNDINGS } from "./rounding";
import { SplitBar } from "./split_bar";

const EVERY_MS = 3000;

function Decision({ deployment }: { deployment: Deployment }) {
  const { decision } = deployment;
  if (!decision) {
    return (
      <Card title="Decision">
        <Empty title="None yet">The significance test decides once both arms have enough scores.</Empty>
      </Card>
    );
  }
  const { difference, low, high } = decision;
  const interval =
    difference !== null && low !== null && high !== null ? { value: difference, low, high } : null;
  const tone = { promote: "ok", roll_back: "bad", keep: "plain" } as const;
  return (
    <Card title="Decision" actions={<Badge tone={tone[decision.outcome]}>{words(decision.outcome)}</Badge>}>
      <div className="stack-tight">
        <p>{decision.reason}</p>
        {interval && (
          <>
            <p>
              <IntervalText interval={interval} asDifference />{" "}
              {decision.p_value !== null && <span className="muted">{pValue(decision.p_value)}</span>}
            </p>
            <Difference label="Difference in score" interval={interval} />
          </>
        )}
        <p className="muted small">
          by {decision.by}, <Time at={decision.decided_at} />
        </p>
      </div>
    </Card>
  );
}

function History({ deployment }: { deployment: Deployment }) {
  return (
    <Card title="History">
      {deployment.history.length === 0 ? (
        <Empty title="Nothing yet" />
      ) : (
        <ol className="history">
          {deployment.history.map(({ at, what, by }, index) => (
            <li key={`${index} ${at}`}>
              <span>{what}</span>
              <span className="muted small">
                {by}, <Time at={at} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

function DeploymentBody({ deployment }: { deployment: Deployment }) {
  const versions = deployment.targets.map((target): [string, ReactNode] => [
    target.label,
    <Link to={path`/models/${target.model}/versions/${target.number}`}>
      {target.model} v{target.number}
    </Link>,
  ]);
  const rounded = deployment.targets
    .filter(({ quantize }) => quantize !== "none")
    .map(({ label, quantize }): [string, ReactNode] => [`Weights of ${label}`, ROUNDINGS[quantize]]);
  return (
    <>
      <Card title="Traffic">
        <div className="stack">
          <SplitBar targets={deployment.targets} large />
          <Facts
            facts={[
              ...versions,
              ...rounded,
              ["Traces", <Link to={`/traces?deployment=${encodeURIComponent(deployment.name)}`}>Show</Link>],
              ["Lineage", <Link to={path`/lineage/${`deployment:${deployment.name}`}`}>Walk from here</Link>],
            ]}
          />
        </div>
      </Card>
      <Arms targets={deployment.targets} />
      <div className="columns">
        <Decision deployment={deployment} />
        <History deployment={deployment} />
      </div>
      <Replicas targets={deployment.targets} />
    </>
  );
}

export function DeploymentPage({ params }: { params: Record<string, string> }) {
  const name = params.name!;
  const deployment = useQuery("GET /api/v1/deployments/{name}", { path: { name } }, { everyMs: EVERY_MS });
  return (
    <Page
      title={name}
      above={[["Deployments", "/deployments"]]}
      badge={deployment.data && <StateBadge state={deployment.data.state} />}
      actions={deployment.data && <Actions deployment={deployment.data} done={deployment.reload} />}
    >
      <Loaded query={deployment}>{(data) => <DeploymentBody deployment={data} />}</Loaded>
    </Page>
  );
}
