// The pages of traces.
import type { Route } from "../../kit/router";
import { TracePage } from "./trace_page";
import { TracesPage } from "./traces_page";

export const OBSERVABILITY_ROUTES: Route[] = [
  { pattern: "/traces", page: TracesPage },
  { pattern: "/traces/:id", page: TracePage },
];
