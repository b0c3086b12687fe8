// One run: how far it is, its curves as they grow, what it was given, what it made, what it said.
import { useState } from "react";
import { call } from "../../api/client";
import { useMay } from "../../api/me";
import type { Artifact, RunDetail } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Badge, Button, Card, Facts, Progress, StateBadge, Time } from "../../kit/basics";
import { Confirm, Copy, notify } from "../../kit/dialog";
import { bytes, count, duration, percent, shortId, significant, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { Tabs } from "../../kit/tabs";
import { Charts } from "./charts";
import { Output } from "./output";
import { Took } from "./runs_page";
import { isFinal, useLiveRun } from "./use_live_run";
import "./tracking.css";

function Cancel({ run, done }: { run: RunDetail; done: () => void }) {
  const may = useMay("jobs.write");
  const [asking, setAsking] = useState(false);
  if (isFinal(run) || !run.job_id) return null;
  const id = run.job_id;
  const cancel = async (): Promise<void> => {
    await call("POST /api/v1/jobs/{id}/cancel", { path: { id } });
    notify("The run was asked to stop");
    done();
  };
  return (
    <>
      <Button onClick={() => setAsking(true)} why={may ? undefined : "Your role may not cancel jobs"}>
        Cancel run
      </Button>
      {asking && (
        <Confirm
          title={`Cancel ${run.name}?`}
          act="Cancel the run"
          danger
          run={cancel}
          close={() => setAsking(false)}
        >
          <p>It stops at its next step. What it has learnt so far stays in its checkpoints.</p>
        </Confirm>
      )}
    </>
  );
}

function RunProgress({ run }: { run: RunDetail }) {
  const { progress } = run;
  if (isFinal(run) || !progress) return null;
  const share = progress.steps_total > 0 ? progress.step / progress.steps_total : null;
  return (
    <Card className="run-progress">
      <div className="row">
        <b>
          {count(progress.step)} of {count(progress.steps_total)} steps
          {share !== null && ` · ${percent(share)}`}
        </b>
        <span className="muted cut">{progress.message}</span>
        {progress.eta_s !== null && (
          <span className="push number">about {duration(progress.eta_s * 1000)} left</span>
        )}
      </div>
      <Progress value={share} label={`${run.name} progress`} />
    </Card>
  );
}

// A failed run says why itself, or else through its job.
function WhyFailed({ run }: { run: RunDetail }) {
  const id = run.job_id ?? "";
  const enabled = useMay("jobs.read") && !run.error && id !== "";
  const job = useQuery("GET /api/v1/jobs/{id}", { path: { id } }, { enabled });
  const why = run.error || job.data?.error;
  if (!why) return null;
  return (
    <p className="run-error" role="alert">
      {why}
    </p>
  );
}

function RunFacts({ run }: { run: RunDetail }) {
  const summary = Object.entries(run.summary ?? {}).map(([name, value]): [string, string] => [
    words(name),
    significant(value),
  ]);
  return (
    <Card>
      <Facts
        facts={[
          ...summary,
          ["Took", <Took run={run} />],
          ["Started", <Time at={run.started_at} />],
          ["Run", <Copy text={run.id}>{shortId(run.id)}</Copy>],
          ["Job", run.job_id ? <Link to={path`/jobs/${run.job_id}`}>{shortId(run.job_id)}</Link> : undefined],
          ["Lineage", <Link to={path`/lineage/${`run:${run.id}`}`}>Walk from here</Link>],
        ]}
      />
    </Card>
  );
}

const ARTIFACTS: Array<Column<Artifact>> = [
  { title: "Name", cell: (artifact) => <b>{artifact.name}</b> },
  { title: "Size", align: "right", cell: (artifact) => bytes(artifact.bytes) },
  { title: "Object", cell: (artifact) => <Copy text={artifact.object}>{shortId(artifact.object)}</Copy> },
];

function Artifacts({ run }: { run: RunDetail }) {
  if (run.artifacts.length === 0) {
    return (
      <Empty title="No artifacts">{isFinal(run) ? "This run made none." : "They appear when it ends."}</Empty>
    );
  }
  return (
    <Card flush>
      <Table
        caption="Artifacts"
        columns={ARTIFACTS}
        items={run.artifacts}
        idOf={(artifact) => artifact.name}
      />
    </Card>
  );
}

function Parameters({ run }: { run: RunDetail }) {
  const rows = Object.entries(run.params);
  if (rows.length === 0) return <Empty title="No parameters" />;
  return (
    <Card>
      <dl className="params">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

export function RunPage({ params }: { params: Record<string, string> }) {
  const live = useLiveRun(params.id!);
  const run = live.data;
  return (
    <Page
      title={run?.name ?? "Run"}
      above={[["Runs", "/runs"]]}
      badge={
        run && (
          <>
            <StateBadge state={run.status} />
            <Badge>{run.kind}</Badge>
            {live.source === "events" && <Badge tone="run">live</Badge>}
          </>
        )
      }
      actions={run && <Cancel run={run} done={live.reload} />}
    >
      <Loaded query={live} lines={10}>
        {(data) => (
          <>
            <RunProgress run={data} />
            {data.status === "failed" && <WhyFailed run={data} />}
            <RunFacts run={data} />
            <Tabs
              label="Parts of the run"
              tabs={[
                { id: "charts", title: "Charts", body: () => <Charts run={data} metrics={live.metrics} /> },
                { id: "parameters", title: "Parameters", body: () => <Parameters run={data} /> },
                { id: "artifacts", title: "Artifacts", body: () => <Artifacts run={data} /> },
                {
                  id: "output",
                  title: "Output",
                  body: () => <Output jobId={data.job_id} live={!isFinal(data)} />,
                },
              ]}
            />
          </>
        )}
      </Loaded>
    </Page>
  );
}
