// What a commit holds: facts, the report of how it was made, its records, its recipe.
import { type DatasetCommit } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Card, Facts, Json, Time } from "../../kit/basics";
import { Copy } from "../../kit/dialog";
import { bytes, count, shortId } from "../../kit/format";
import { Link, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { type Tab, Tabs } from "../../kit/tabs";
import { Report } from "./report";
import { Samples } from "./samples";
import "./data.css";

type Split = DatasetCommit["splits"][number];

const SPLITS: Array<Column<Split>> = [
  { title: "Split", cell: (split) => <b>{split.name}</b> },
  { title: "Records", align: "right", cell: (split) => count(split.records) },
  { title: "Size", align: "right", cell: (split) => bytes(split.bytes) },
  { title: "Shards", align: "right", cell: (split) => count(split.shards) },
];

function CommitFacts({ commit }: { commit: DatasetCommit }) {
  const records = commit.splits.reduce((sum, split) => sum + split.records, 0);
  const size = commit.splits.reduce((sum, split) => sum + split.bytes, 0);
  const parents = commit.parents.map((parent) => (
    <Link key={parent} to={path`/dataset-commits/${parent}`} className="mono">
      {shortId(parent)}{" "}
    </Link>
  ));
  return (
    <Card>
      <Facts
        facts={[
          ["Records", count(records)],
          ["Size", bytes(size)],
          ["Commit", <Copy text={commit.id}>{shortId(commit.id)}</Copy>],
          ["Parents", parents.length > 0 ? parents : "none"],
          ["Created", <Time at={commit.created_at} />],
          ["Lineage", <Link to={path`/lineage/${`dataset_commit:${commit.id}`}`}>Walk from here</Link>],
        ]}
      />
    </Card>
  );
}

function Recipe({ commit }: { commit: DatasetCommit }) {
  return (
    <div className="columns">
      <Card title="Splits" flush>
        <Table caption="Splits" columns={SPLITS} items={commit.splits} idOf={(split) => split.name} />
      </Card>
      <Card title="Recipe">
        {Object.keys(commit.recipe).length > 0 ? (
          <Json value={commit.recipe} />
        ) : (
          <Empty title="No recipe">It was committed as it is.</Empty>
        )}
      </Card>
    </div>
  );
}

export function Commit({ id, further }: { id: string; further: Tab[] }) {
  const commit = useQuery("GET /api/v1/dataset-commits/{id}", { path: { id } });
  return (
    <Loaded query={commit}>
      {(data) => (
        <>
          <CommitFacts commit={data} />
          <Tabs
            label="Parts of the commit"
            tabs={[
              { id: "report", title: "Report", body: () => <Report report={data.report} /> },
              { id: "samples", title: "Samples", body: () => <Samples commit={data} /> },
              { id: "recipe", title: "Recipe", body: () => <Recipe commit={data} /> },
              ...further,
            ]}
          />
        </>
      )}
    </Loaded>
  );
}
