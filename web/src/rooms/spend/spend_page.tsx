// What was spent, by deployment and by key, and the prices it was counted with.
import type { Price, SpendRow } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { BarCell, Card } from "../../kit/basics";
import { count, money } from "../../kit/format";
import { Page } from "../../kit/page";
import { useSearch } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { Choice } from "../../kit/tabs";
import "./spend.css";

const EVERY_MS = 10_000;
const DAYS: Array<[string, string]> = [
  ["1", "Today"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["365", "A year"],
];

function columnsOf(title: string, total: number): Array<Column<SpendRow>> {
  return [
    { title, cell: (row) => <b>{row.name}</b> },
    { title: "Requests", align: "right", cell: (row) => count(row.calls) },
    { title: "Tokens in", align: "right", hideBelow: "small", cell: (row) => count(row.prompt_tokens) },
    { title: "Tokens out", align: "right", hideBelow: "small", cell: (row) => count(row.completion_tokens) },
    {
      title: "Cost",
      align: "right",
      cell: (row) => <BarCell share={total > 0 ? row.cost_usd / total : 0}>{money(row.cost_usd)}</BarCell>,
    },
  ];
}

const PRICES: Array<Column<Price>> = [
  { title: "Model", cell: (price) => <b>{price.model}</b> },
  { title: "In, per million", align: "right", cell: (price) => money(price.prompt_usd_per_million) },
  { title: "Out, per million", align: "right", cell: (price) => money(price.completion_usd_per_million) },
];

function Rows({ title, rows, total }: { title: string; rows: SpendRow[]; total: number }) {
  return (
    <Card title={`By ${title.toLowerCase()}`} flush>
      {rows.length > 0 ? (
        <Table
          caption={`Spend by ${title.toLowerCase()}`}
          columns={columnsOf(title, total)}
          items={rows}
          idOf={(row) => row.name}
        />
      ) : (
        <Empty title="Nothing spent" />
      )}
    </Card>
  );
}

export function SpendPage() {
  const [search, change] = useSearch();
  const days = DAYS.find(([value]) => value === search.get("days"))?.[0] ?? "30";
  const summary = useQuery(
    "GET /api/v1/spend/summary",
    { query: { days: Number(days) } },
    { everyMs: EVERY_MS },
  );
  const prices = useQuery("GET /api/v1/spend/prices", {});
  return (
    <Page
      title="Spend"
      lead="Counted at the moment of each request, at the prices below."
      actions={
        <Choice
          label="Days"
          value={days}
          options={DAYS}
          choose={(value) => change({ days: value === "30" ? "" : value })}
        />
      }
    >
      <Loaded query={summary}>
        {(data) => (
          <>
            <p className="spend-total" data-total={data.total_usd}>
              {money(data.total_usd)}
            </p>
            <div className="columns">
              <Rows title="Deployment" rows={data.by_deployment} total={data.total_usd} />
              <Rows title="Key" rows={data.by_key} total={data.total_usd} />
            </div>
          </>
        )}
      </Loaded>
      <Card title="Prices" flush>
        <Loaded
          query={prices}
          lines={3}
          isEmpty={({ items }) => items.length === 0}
          empty={<Empty title="No prices">Models without a price cost nothing.</Empty>}
        >
          {({ items }) => (
            <Table caption="Prices" columns={PRICES} items={items} idOf={(price) => price.model} />
          )}
        </Loaded>
      </Card>
    </Page>
  );
}
