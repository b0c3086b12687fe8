// The records of a commit, a page at a time, from one of its splits.
import type { DatasetCommit, DatasetRecord } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Button } from "../../kit/basics";
import { count } from "../../kit/format";
import { Link, path, useSearch } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { Choice } from "../../kit/tabs";

const PAGE = 10;

export function Samples({ commit }: { commit: DatasetCommit }) {
  const [search, change] = useSearch();
  const asked = search.get("split");
  const split = commit.splits.find(({ name }) => name === asked)?.name ?? commit.splits[0]?.name ?? "train";
  const offset = Math.max(0, Number(search.get("offset")) || 0);
  const page = useQuery("GET /api/v1/dataset-commits/{id}/samples", {
    path: { id: commit.id },
    query: { split, limit: PAGE, offset },
  });
  const go = (to: number): void => change({ offset: to > 0 ? String(to) : "" });
  const total = page.data?.total ?? 0;
  return (
    <div className="stack">
      <div className="row">
        <Choice
          label="Split"
          value={split}
          options={commit.splits.map(({ name }) => [name, name])}
          choose={(name) => change({ split: name, offset: "" })}
        />
        <span className="push muted">
          {total > 0 && `${count(offset + 1)}–${count(Math.min(total, offset + PAGE))} of ${count(total)}`}
        </span>
        <Button onClick={() => go(offset - PAGE)} why={offset === 0 ? "This is the first page" : undefined}>
          Previous
        </Button>
        <Button
          onClick={() => go(offset + PAGE)}
          why={offset + PAGE >= total ? "This is the last page" : undefined}
        >
          Next
        </Button>
      </div>
      <Loaded
        query={page}
        isEmpty={({ items }) => items.length === 0}
        empty={<Empty title="No records here" />}
      >
        {({ items }) => (
          <ul className="stack" data-samples={items.length}>
            {items.map((record) => (
              <li key={record.id} className="card sample">
                <Sample record={record} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </div>
  );
}

function Sample({ record }: { record: DatasetRecord }) {
  const source = record.source as Record<string, unknown> | undefined;
  const from = source?.path ?? source?.page;
  return (
    <>
      <p className="sample-head">
        <code>{record.id}</code>
        {typeof from === "string" && <span className="muted cut">{from}</span>}
        <Link className="push" to={path`/lineage/${`record:${record.id}`}`}>
          Lineage
        </Link>
      </p>
      {record.question !== undefined ? (
        <dl className="sample-pair">
          <dt>Question</dt>
          <dd>{record.question}</dd>
          <dt>Answer</dt>
          <dd>{record.answer}</dd>
        </dl>
      ) : (
        <pre className="code sample-text" tabIndex={0} role="region" aria-label={`Text of ${record.id}`}>
          {record.text}
        </pre>
      )}
    </>
  );
}
