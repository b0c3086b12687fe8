// One commit on its own address, as lineage and the loop link to it.
import { useQuery } from "../../api/use_query";
import { shortId } from "../../kit/format";
import { Page } from "../../kit/page";
import { path } from "../../kit/router";
import { Commit } from "./commit";

export function CommitPage({ params }: { params: Record<string, string> }) {
  const id = params.id!;
  const commit = useQuery("GET /api/v1/dataset-commits/{id}", { path: { id } });
  const above: Array<[string, string]> = [["Datasets", "/datasets"]];
  if (commit.data) above.push([commit.data.dataset_name, path`/datasets/${commit.data.dataset_id}`]);
  return (
    <Page title={`Commit ${shortId(id)}`} above={above} lead={commit.data?.message}>
      <Commit id={id} further={[]} />
    </Page>
  );
}
