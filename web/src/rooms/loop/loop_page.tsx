// Home: the whole loop as a picture, each stage with its live state, and what the machine is doing now.
import { useMay } from "../../api/me";
import type { Job, Loop } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Badge, Card, Progress, StateBadge, Time } from "../../kit/basics";
import { percent, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { LoopPicture } from "./loop_picture";
import "./loop.css";

const BUSY_MS = 1500;
const IDLE_MS = 6000;

function isBusy(loop: Loop | undefined): boolean {
  return loop?.stages.some(({ state }) => state === "running" || state === "queued") ?? true;
}

function Verdict({ loop }: { loop: Loop }) {
  const done = loop.stages.filter(({ state }) => state === "succeeded").length;
  const failed = loop.stages.find(({ state }) => state === "failed");
  const cancelled = loop.stages.find(({ state }) => state === "cancelled");
  const running = loop.stages.find(({ state }) => state === "running");
  if (failed) return <Badge tone="bad">{failed.title} failed</Badge>;
  if (running)
    return (
      <Badge tone="run">
        {running.title} · {done} of {loop.stages.length} done
      </Badge>
    );
  if (cancelled) return <Badge tone="warn">{cancelled.title} cancelled</Badge>;
  return (
    <Badge tone={done === loop.stages.length ? "ok" : "plain"}>
      {done} of {loop.stages.length} done
    </Badge>
  );
}

export function LoopPage() {
  const loop = useQuery("GET /api/v1/loop", {}, { everyMs: BUSY_MS });
  const mayJobs = useMay("jobs.read");
  const untouched = loop.data?.stages.every(({ state }) => state === "empty") ?? false;
  return (
    <Page
      title="The loop"
      badge={loop.data && <Verdict loop={loop.data} />}
      lead="From sources to answers, and from answers back to better sources."
    >
      <Loaded query={loop} lines={12}>
        {(data) => (
          <>
            {untouched && (
              <p className="hint">
                Nothing has run yet. <code>capstan quickstart</code> takes this loop round once: it curates
                text, trains a small model, adapts, judges, deploys and uses it.
              </p>
            )}
            <LoopPicture loop={data} />
          </>
        )}
      </Loaded>
      {mayJobs && <Jobs everyMs={isBusy(loop.data) ? BUSY_MS : IDLE_MS} />}
    </Page>
  );
}

const COLUMNS: Array<Column<Job>> = [
  { title: "Job", cell: (job) => words(job.kind) },
  { title: "State", cell: (job) => <StateBadge state={job.state} /> },
  { title: "Progress", wide: true, cell: (job) => <JobProgress job={job} /> },
  {
    title: "Attempt",
    align: "right",
    hideBelow: "small",
    cell: (job) => `${job.attempt} of ${job.attempts_max}`,
  },
  { title: "Created", align: "right", cell: (job) => <Time at={job.created_at} /> },
];

function JobProgress({ job }: { job: Job }) {
  if (job.error)
    return (
      <span className="cut" title={job.error}>
        {job.error}
      </span>
    );
  const { progress } = job;
  if (!progress || progress.steps_total === 0) return <span className="cut muted">{progress?.message}</span>;
  const share = progress.step / progress.steps_total;
  if (job.state !== "running") return <span className="cut muted">{progress.message || percent(share)}</span>;
  return (
    <span className="job-progress">
      <Progress value={share} label={`${words(job.kind)} progress`} />
      <span className="cut muted">
        {percent(share)} · {progress.message}
      </span>
    </span>
  );
}

// The latest jobs of the machine, newest first.
function Jobs({ everyMs }: { everyMs: number }) {
  const jobs = useQuery("GET /api/v1/jobs", { query: { limit: 8 } }, { everyMs });
  return (
    <Card title="Latest jobs" flush>
      <Loaded
        query={jobs}
        lines={3}
        isEmpty={({ items }) => items.length === 0}
        empty={
          <Empty title="No jobs yet">
            Curations, training runs and evaluations appear here as they start.
          </Empty>
        }
      >
        {({ items }) => (
          <Table
            caption="Latest jobs"
            columns={COLUMNS}
            items={items}
            idOf={(job) => job.id}
            linkOf={(job) => path`/jobs/${job.id}`}
          />
        )}
      </Loaded>
    </Card>
  );
}
