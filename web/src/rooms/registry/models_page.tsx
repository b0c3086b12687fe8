// All models.
import type { Model } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Card, Time } from "../../kit/basics";
import { NONE, compact } from "../../kit/format";
import { Page } from "../../kit/page";
import { path } from "../../kit/router";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";
import { Scores } from "./scores";
import "./registry.css";

const EVERY_MS = 10_000;

const COLUMNS: Array<Column<Model>> = [
  { title: "Name", cell: (model) => model.name },
  {
    title: "Latest",
    cell: ({ latest_version: latest }) => (latest ? `v${latest.number} · ${latest.kind}` : NONE),
  },
  {
    title: "Aliases",
    cell: (model) => (
      <span className="row row-tight">
        {Object.entries(model.aliases).map(([alias, number]) => (
          <Badge key={alias} tone="accent">
            {alias} → v{number}
          </Badge>
        ))}
      </span>
    ),
  },
  {
    title: "Scores",
    hideBelow: "medium",
    cell: (model) => <Scores scores={model.latest_version?.scores ?? {}} />,
  },
  {
    title: "Parameters",
    align: "right",
    hideBelow: "small",
    cell: ({ latest_version: latest }) => (latest ? compact(latest.parameters) : NONE),
  },
  { title: "Created", align: "right", hideBelow: "small", cell: (model) => <Time at={model.created_at} /> },
];

export function ModelsPage() {
  const models = usePages("GET /api/v1/models", {}, { everyMs: EVERY_MS });
  return (
    <Page title="Models" lead="What was trained and kept, as versions with their scores.">
      <Card flush>
        <ListTable
          caption="Models"
          columns={COLUMNS}
          pages={models}
          idOf={(model) => model.name}
          linkOf={(model) => path`/models/${model.name}`}
          empty={
            <Empty title="No models yet">A version is registered from a run whose evaluation passed.</Empty>
          }
        />
      </Card>
    </Page>
  );
}
