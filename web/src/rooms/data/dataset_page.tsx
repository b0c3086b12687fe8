// One dataset: its latest commit, and the commits before it.
import type { CommitSummary } from "../../api/types";
import { usePages, useQuery } from "../../api/use_query";
import { Badge, Time } from "../../kit/basics";
import { bytes, count, shortId } from "../../kit/format";
import { Page } from "../../kit/page";
import { path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";
import { Commit } from "./commit";

const EVERY_MS = 10_000;

const COMMITS: Array<Column<CommitSummary>> = [
  { title: "Commit", cell: (commit) => <span className="mono">{shortId(commit.id)}</span> },
  { title: "Records", align: "right", cell: (commit) => count(commit.records) },
  { title: "Size", align: "right", cell: (commit) => bytes(commit.bytes) },
  { title: "Created", align: "right", cell: (commit) => <Time at={commit.created_at} /> },
];

function Commits({ id }: { id: string }) {
  const commits = usePages("GET /api/v1/datasets/{id}/commits", { path: { id } }, { everyMs: EVERY_MS });
  return (
    <section className="card card-flush">
      <ListTable
        caption="Commits"
        columns={COMMITS}
        pages={commits}
        idOf={(commit) => commit.id}
        linkOf={(commit) => path`/dataset-commits/${commit.id}`}
        empty={<Empty title="No commits yet" />}
      />
    </section>
  );
}

export function DatasetPage({ params }: { params: Record<string, string> }) {
  const id = params.id!;
  const dataset = useQuery("GET /api/v1/datasets/{id}", { path: { id } }, { everyMs: EVERY_MS });
  const latest = dataset.data?.latest_commit;
  const commits = { id: "commits", title: "Commits", body: () => <Commits id={id} /> };
  return (
    <Page
      title={dataset.data?.name ?? "Dataset"}
      above={[["Datasets", "/datasets"]]}
      badge={dataset.data && <Badge>{dataset.data.kind}</Badge>}
      lead={dataset.data?.description}
    >
      <Loaded query={dataset}>
        {() =>
          latest ? (
            <Commit key={latest.id} id={latest.id} further={[commits]} />
          ) : (
            <Empty title="No commit yet">The first appears when a curation of this dataset ends.</Empty>
          )
        }
      </Loaded>
    </Page>
  );
}
