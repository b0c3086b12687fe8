// All datasets, and the tokenizers learnt from them.
import type { Dataset, Tokenizer } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Card, Time } from "../../kit/basics";
import { bytes, count, shortId } from "../../kit/format";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";

const EVERY_MS = 10_000;

const DATASETS: Array<Column<Dataset>> = [
  { title: "Name", cell: (dataset) => dataset.name },
  { title: "Kind", cell: (dataset) => <Badge>{dataset.kind}</Badge> },
  {
    title: "Description",
    wide: true,
    hideBelow: "small",
    cell: (dataset) => <span className="cut muted">{dataset.description}</span>,
  },
  { title: "Records", align: "right", cell: (dataset) => count(dataset.latest_commit?.records) },
  { title: "Size", align: "right", cell: (dataset) => bytes(dataset.latest_commit?.bytes) },
  {
    title: "Last commit",
    align: "right",
    hideBelow: "small",
    cell: (dataset) => <Time at={dataset.latest_commit?.created_at} />,
  },
];

const TOKENIZERS: Array<Column<Tokenizer>> = [
  { title: "Name", cell: (tokenizer) => <b>{tokenizer.name}</b> },
  { title: "Vocabulary", align: "right", cell: (tokenizer) => count(tokenizer.vocabulary_size) },
  {
    title: "Learnt from",
    cell: (tokenizer) => (
      <Link to={path`/dataset-commits/${tokenizer.dataset_commit_id}`} className="mono">
        {shortId(tokenizer.dataset_commit_id)}
      </Link>
    ),
  },
  {
    title: "Lineage",
    hideBelow: "small",
    cell: (tokenizer) => <Link to={path`/lineage/${`tokenizer:${tokenizer.id}`}`}>Walk</Link>,
  },
  { title: "Created", align: "right", cell: (tokenizer) => <Time at={tokenizer.created_at} /> },
];

export function DatasetsPage() {
  const datasets = usePages("GET /api/v1/datasets", {}, { everyMs: EVERY_MS });
  const tokenizers = usePages("GET /api/v1/tokenizers", {}, { everyMs: EVERY_MS });
  return (
    <Page title="Datasets" lead="Text and question pairs, kept as commits that never change.">
      <Card flush>
        <ListTable
          caption="Datasets"
          columns={DATASETS}
          pages={datasets}
          idOf={(dataset) => dataset.id}
          linkOf={(dataset) => path`/datasets/${dataset.id}`}
          empty={
            <Empty title="No datasets yet">
              <code>capstan quickstart</code> makes the first from the manual pages of this machine.
            </Empty>
          }
        />
      </Card>
      <Card title="Tokenizers" flush>
        <ListTable
          caption="Tokenizers"
          columns={TOKENIZERS}
          pages={tokenizers}
          idOf={(tokenizer) => tokenizer.id}
          empty={<Empty title="No tokenizers yet">A tokenizer is learnt from a dataset commit.</Empty>}
        />
      </Card>
    </Page>
  );
}
