// All evaluations, with what their gates said.
import type { Evaluation } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Card, StateBadge, Time } from "../../kit/basics";
import { NONE, pValue, signed, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { path } from "../../kit/router";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";

const EVERY_MS = 5000;

export function GateBadge({ evaluation }: { evaluation: Evaluation }) {
  if (!evaluation.gate) return <>{NONE}</>;
  return (
    <Badge tone={evaluation.gate.passed ? "ok" : "bad"}>{evaluation.gate.passed ? "passed" : "held"}</Badge>
  );
}

function Compared({ evaluation }: { evaluation: Evaluation }) {
  const { comparison } = evaluation;
  if (!comparison) return <>{NONE}</>;
  return (
    <span className="number">
      <span className="muted small">{words(comparison.metric)}</span> {signed(comparison.difference)}{" "}
      <span className="muted small">{pValue(comparison.p_value)}</span>
    </span>
  );
}

const COLUMNS: Array<Column<Evaluation>> = [
  { title: "Name", cell: (evaluation) => evaluation.name },
  { title: "State", cell: (evaluation) => <StateBadge state={evaluation.state} /> },
  { title: "Gate", cell: (evaluation) => <GateBadge evaluation={evaluation} /> },
  {
    title: "Targets",
    hideBelow: "medium",
    cell: (evaluation) => evaluation.targets.map(({ label }) => label).join(", ") || NONE,
  },
  {
    title: "Difference",
    align: "right",
    hideBelow: "small",
    cell: (evaluation) => <Compared evaluation={evaluation} />,
  },
  { title: "Created", align: "right", cell: (evaluation) => <Time at={evaluation.created_at} /> },
];

export function EvaluationsPage() {
  const evaluations = usePages("GET /api/v1/evaluations", {}, { everyMs: EVERY_MS });
  return (
    <Page title="Evaluations" lead="What each model scores, how sure that is, and what the gate says.">
      <Card flush>
        <ListTable
          caption="Evaluations"
          columns={COLUMNS}
          pages={evaluations}
          idOf={(evaluation) => evaluation.id}
          linkOf={(evaluation) => path`/evaluations/${evaluation.id}`}
          empty={
            <Empty title="No evaluations yet">
              An evaluation asks each model the held-out questions, and compares the answers.
            </Empty>
          }
        />
      </Card>
    </Page>
  );
}
