// One trace: the conversation, where the time went, what it cost, and how it was scored.
import { messagesOf, textOf } from "../../api/messages";
import type { Message, Score, Trace } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Card, Facts, StateBadge, Time } from "../../kit/basics";
import { Copy } from "../../kit/dialog";
import { count, duration, money, readable, score, shortId, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { Feedback } from "./feedback";
import { Waterfall } from "./waterfall";
import "./observability.css";

function TraceFacts({ trace }: { trace: Trace }) {
  // Of the whole call: what is between the first piece and the end may be too short to divide by.
  const speed = trace.duration_ms > 0 ? (trace.completion_tokens / trace.duration_ms) * 1000 : null;
  return (
    <Card>
      <Facts
        facts={[
          ["Took", duration(trace.duration_ms)],
          ["First token", duration(trace.ttft_ms)],
          ["Tokens", `${count(trace.prompt_tokens)} in, ${count(trace.completion_tokens)} out`],
          ["Tokens a second", trace.ttft_ms !== null && speed !== null ? count(speed) : "–"],
          ["Cost", money(trace.cost_usd)],
          [
            "Deployment",
            trace.deployment ? (
              <Link to={path`/deployments/${trace.deployment}`}>
                {trace.deployment}
                {trace.target && ` · ${trace.target}`}
              </Link>
            ) : (
              trace.model
            ),
          ],
          ["Response", <Copy text={trace.id}>{shortId(trace.id)}</Copy>],
          ["When", <Time at={trace.started_at} />],
        ]}
      />
    </Card>
  );
}

function Turn({ message }: { message: Message }) {
  const text = textOf(message.content);
  return (
    <li className="turn" data-role={message.role}>
      <p className="turn-role">{message.role}</p>
      <p className="turn-text">
        {readable(text ?? "") || (
          <span className="muted">{text ? "nothing but white space" : "no text"}</span>
        )}
      </p>
    </li>
  );
}

function Conversation({ trace }: { trace: Trace }) {
  return (
    <Card title="Conversation">
      <ol className="turns">
        {messagesOf(trace.input).map((message, index) => (
          <Turn key={index} message={message} />
        ))}
        <Turn message={{ role: "assistant", content: trace.output || null }} />
      </ol>
    </Card>
  );
}

const SCORES: Array<Column<Score>> = [
  { title: "Score", cell: (given) => <b>{words(given.name)}</b> },
  { title: "Value", align: "right", cell: (given) => score(given.value) },
  { title: "From", cell: (given) => given.source },
  {
    title: "Comment",
    wide: true,
    hideBelow: "small",
    cell: (given) => <span className="muted">{given.comment}</span>,
  },
  { title: "When", align: "right", cell: (given) => <Time at={given.created_at} /> },
];

function TraceBody({ trace, reload }: { trace: Trace; reload: () => void }) {
  return (
    <>
      {trace.error && (
        <p className="trace-error" role="alert">
          {trace.error}
        </p>
      )}
      <TraceFacts trace={trace} />
      <div className="columns">
        <Conversation trace={trace} />
        <Card title="Where the time went">
          {trace.spans.length > 0 ? <Waterfall spans={trace.spans} /> : <Empty title="No spans" />}
        </Card>
      </div>
      <Card title="Scores" flush actions={<Feedback responseId={trace.id} done={reload} />}>
        {trace.scores.length > 0 ? (
          <Table
            caption="Scores"
            columns={SCORES}
            items={trace.scores}
            idOf={(given) => `${given.name} ${given.source} ${given.created_at}`}
          />
        ) : (
          <Empty title="Not scored yet">
            Scores come from people, from judges and through <code>POST /api/v1/feedback</code>.
          </Empty>
        )}
      </Card>
    </>
  );
}

export function TracePage({ params }: { params: Record<string, string> }) {
  const id = params.id!;
  const trace = useQuery("GET /api/v1/traces/{id}", { path: { id } });
  return (
    <Page
      title={trace.data ? "Trace" : `Trace ${shortId(id)}`}
      above={[["Traces", "/traces"]]}
      badge={trace.data && <StateBadge state={trace.data.status} />}
      lead={trace.data?.input_preview}
      actions={
        <Link className="button button-plain" to={path`/lineage/${`response:${id}`}`}>
          Walk back to the sources
        </Link>
      }
    >
      <Loaded query={trace} lines={10}>
        {(data) => <TraceBody trace={data} reload={trace.reload} />}
      </Loaded>
    </Page>
  );
}
