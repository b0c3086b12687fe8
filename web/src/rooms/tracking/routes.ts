// The pages of runs and jobs.
import type { Route } from "../../kit/router";
import { JobPage } from "./job_page";
import { RunPage } from "./run_page";
import { RunsPage } from "./runs_page";

export const TRACKING_ROUTES: Route[] = [
  { pattern: "/runs", page: RunsPage },
  { pattern: "/runs/:id", page: RunPage },
  { pattern: "/jobs/:id", page: JobPage },
];
