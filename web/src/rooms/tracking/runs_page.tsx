// All runs, of one kind or of every.
import type { Run } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Card, StateBadge, Time } from "../../kit/basics";
import { duration, significant, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { path, useSearch } from "../../kit/router";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";
import { Choice } from "../../kit/tabs";
import { useNow } from "../../kit/use_now";

const EVERY_MS = 3000;
type Kind = Run["kind"];
const KINDS: Array<[string, string]> = [
  ["", "All"],
  ["pretrain", "Pretrain"],
  ["lora", "LoRA"],
  ["evaluation", "Evaluation"],
  ["curation", "Curation"],
  ["tokenizer", "Tokenizer"],
];

export function Took({ run }: { run: Pick<Run, "started_at" | "ended_at"> }) {
  const now = useNow(1000);
  if (!run.started_at) return <>–</>;
  return <>{duration((run.ended_at ? Date.parse(run.ended_at) : now) - Date.parse(run.started_at))}</>;
}

// The loss, or else whichever number the run ends with.
function Result({ run }: { run: Run }) {
  const names = Object.keys(run.summary ?? {});
  const name = ["heldout_loss", "loss"].find((wanted) => names.includes(wanted)) ?? names[0];
  if (name === undefined) return <>–</>;
  return (
    <>
      <span className="muted small">{words(name)}</span> {significant(run.summary[name]!, 4)}
    </>
  );
}

const COLUMNS: Array<Column<Run>> = [
  { title: "Name", cell: (run) => run.name },
  { title: "Kind", hideBelow: "small", cell: (run) => <Badge>{run.kind}</Badge> },
  { title: "Status", cell: (run) => <StateBadge state={run.status} /> },
  { title: "Result", align: "right", cell: (run) => <Result run={run} /> },
  { title: "Took", align: "right", hideBelow: "small", cell: (run) => <Took run={run} /> },
  { title: "Created", align: "right", cell: (run) => <Time at={run.created_at} /> },
];

export function RunsPage() {
  const [search, change] = useSearch();
  const kind = KINDS.find(([value]) => value === search.get("kind"))?.[0] ?? "";
  const query = kind ? { kind: kind as Kind } : {};
  const runs = usePages("GET /api/v1/runs", { query }, { everyMs: EVERY_MS });
  return (
    <Page
      title="Runs"
      lead="Everything that computed: curations, tokenizers, trainings, evaluations."
      actions={
        <Choice
          label="Kind of run"
          value={kind}
          options={KINDS}
          choose={(value) => change({ kind: value })}
        />
      }
    >
      <Card flush>
        <ListTable
          caption="Runs"
          columns={COLUMNS}
          pages={runs}
          idOf={(run) => run.id}
          linkOf={(run) => path`/runs/${run.id}`}
          empty={
            <Empty title={kind ? `No ${kind} runs` : "No runs yet"}>
              A run appears here as soon as it is queued, and shows its loss while it learns.
            </Empty>
          }
        />
      </Card>
    </Page>
  );
}
