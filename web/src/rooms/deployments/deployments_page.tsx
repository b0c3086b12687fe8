// All deployments, with how their traffic is split.
import type { Deployment } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Card, StateBadge } from "../../kit/basics";
import { NONE, count, money, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { path } from "../../kit/router";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";
import { SplitBar } from "./split_bar";

const EVERY_MS = 5000;

const sum = (deployment: Deployment, of: "requests" | "errors" | "cost_usd"): number =>
  deployment.targets.reduce((total, { stats }) => total + stats[of], 0);

const COLUMNS: Array<Column<Deployment>> = [
  { title: "Name", cell: (deployment) => deployment.name },
  { title: "State", cell: (deployment) => <StateBadge state={deployment.state} /> },
  { title: "Split", wide: true, cell: (deployment) => <SplitBar targets={deployment.targets} /> },
  {
    title: "Decision",
    hideBelow: "small",
    cell: ({ decision }) => (decision ? <Badge tone="accent">{words(decision.outcome)}</Badge> : NONE),
  },
  { title: "Requests", align: "right", cell: (deployment) => count(sum(deployment, "requests")) },
  {
    title: "Errors",
    align: "right",
    hideBelow: "small",
    cell: (deployment) => count(sum(deployment, "errors")),
  },
  {
    title: "Cost",
    align: "right",
    hideBelow: "small",
    cell: (deployment) => money(sum(deployment, "cost_usd")),
  },
];

export function DeploymentsPage() {
  const deployments = usePages("GET /api/v1/deployments", {}, { everyMs: EVERY_MS });
  return (
    <Page title="Deployments" lead="Models in use: how traffic is split between them, and which one wins.">
      <Card flush>
        <ListTable
          caption="Deployments"
          columns={COLUMNS}
          pages={deployments}
          idOf={(deployment) => deployment.id}
          linkOf={(deployment) => path`/deployments/${deployment.name}`}
          empty={
            <Empty title="Nothing is deployed">
              A deployment serves one or more model versions behind one name at <code>/v1</code>.
            </Empty>
          }
        />
      </Card>
    </Page>
  );
}
