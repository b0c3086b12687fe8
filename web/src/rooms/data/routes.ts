// The pages of datasets.
import type { Route } from "../../kit/router";
import { CommitPage } from "./commit_page";
import { DatasetPage } from "./dataset_page";
import { DatasetsPage } from "./datasets_page";

export const DATA_ROUTES: Route[] = [
  { pattern: "/datasets", page: DatasetsPage },
  { pattern: "/datasets/:id", page: DatasetPage },
  { pattern: "/dataset-commits/:id", page: CommitPage },
];
