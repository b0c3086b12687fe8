// One job: what the machine was asked to do, how it went, and what it printed.
import type { Job } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Badge, Card, Facts, Json, Progress, StateBadge, Time } from "../../kit/basics";
import { count, shortId, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Loaded } from "../../kit/states";
import { Output } from "./output";
import { Took } from "./runs_page";
import "./tracking.css";

const EVERY_MS = 2000;
const isLive = (job: Job | undefined): boolean =>
  job ? ["queued", "leased", "running"].includes(job.state) : true;

// A job says what it works for as a lineage node; a run has its own page.
function Subject({ subject }: { subject: string }) {
  if (!subject) return <>–</>;
  const run = subject.startsWith("run:") ? subject.slice("run:".length) : null;
  return run ? (
    <Link to={path`/runs/${run}`}>run {shortId(run)}</Link>
  ) : (
    <Link to={path`/lineage/${subject}`}>{shortId(subject)}</Link>
  );
}

function exitOf(job: Job): string | undefined {
  if (job.signal !== null) return `signal ${job.signal}`;
  return job.exit_code === null ? undefined : String(job.exit_code);
}

function JobBody({ job }: { job: Job }) {
  const { progress } = job;
  const share = progress && progress.steps_total > 0 ? progress.step / progress.steps_total : null;
  return (
    <>
      {job.error && (
        <p className="run-error" role="alert">
          {job.error}
        </p>
      )}
      {isLive(job) && progress && (
        <Card className="run-progress">
          <b>
            {count(progress.step)} of {count(progress.steps_total)}
          </b>{" "}
          <span className="muted">{progress.message}</span>
          <Progress value={share} label="Progress of the job" />
        </Card>
      )}
      <Card>
        <Facts
          facts={[
            ["Works for", <Subject subject={job.subject} />],
            ["Attempt", `${job.attempt} of ${job.attempts_max}`],
            ["Took", <Took run={{ started_at: job.started_at, ended_at: job.finished_at }} />],
            ["Created", <Time at={job.created_at} />],
            ["Exit", exitOf(job)],
          ]}
        />
      </Card>
      <Card title="Output">
        <Output jobId={job.id} live={isLive(job)} />
      </Card>
      {job.result && (
        <Card title="Result">
          <Json value={job.result} />
        </Card>
      )}
    </>
  );
}

export function JobPage({ params }: { params: Record<string, string> }) {
  const id = params.id!;
  const job = useQuery("GET /api/v1/jobs/{id}", { path: { id } }, { everyMs: EVERY_MS });
  return (
    <Page
      title={job.data ? `Job: ${words(job.data.kind)}` : "Job"}
      above={[["Loop", "/"]]}
      badge={
        job.data && (
          <>
            <StateBadge state={job.data.state} />
            <Badge>{shortId(id)}</Badge>
          </>
        )
      }
    >
      <Loaded query={job}>{(data) => <JobBody job={data} />}</Loaded>
    </Page>
  );
}
