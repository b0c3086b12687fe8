// What was done, by whom, and whether it was allowed.
import type { AuditRecord } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Card, Time } from "../../kit/basics";
import { Page } from "../../kit/page";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";

const EVERY_MS = 10_000;

function sayDetail(detail: AuditRecord["detail"]): string {
  if (detail === null) return "";
  return typeof detail === "string" ? detail : JSON.stringify(detail);
}

function toneOf(outcome: string): "ok" | "bad" | "plain" {
  if (["ok", "allowed", "succeeded", "success"].includes(outcome)) return "ok";
  return ["denied", "failed", "error"].includes(outcome) ? "bad" : "plain";
}

const COLUMNS: Array<Column<AuditRecord>> = [
  { title: "When", cell: (record) => <Time at={record.at} /> },
  { title: "Who", cell: (record) => <b>{record.principal}</b> },
  { title: "What", cell: (record) => <code>{record.action}</code> },
  { title: "On", hideBelow: "small", cell: (record) => <code>{record.subject}</code> },
  { title: "Outcome", cell: (record) => <Badge tone={toneOf(record.outcome)}>{record.outcome}</Badge> },
  {
    title: "Detail",
    wide: true,
    hideBelow: "medium",
    cell: (record) => (
      <span className="cut muted" title={sayDetail(record.detail)}>
        {sayDetail(record.detail)}
      </span>
    ),
  },
  { title: "Request", hideBelow: "medium", cell: (record) => <code>{record.request_id}</code> },
];

export function AuditPage() {
  const audit = usePages("GET /api/v1/audit", {}, { everyMs: EVERY_MS });
  return (
    <Page
      title="Audit"
      lead="Every change and every refusal, in a chain that shows when it was tampered with."
    >
      <Card flush>
        <ListTable
          caption="Audit"
          columns={COLUMNS}
          pages={audit}
          idOf={(record) => record.id}
          empty={<Empty title="Nothing yet" />}
        />
      </Card>
    </Page>
  );
}
