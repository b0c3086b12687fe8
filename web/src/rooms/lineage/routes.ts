// The pages of lineage.
import type { Route } from "../../kit/router";
import { LineagePage } from "./lineage_page";
import { StartPage } from "./start_page";

export const LINEAGE_ROUTES: Route[] = [
  { pattern: "/lineage", page: StartPage },
  { pattern: "/lineage/:node", page: LineagePage },
];
