// The loop's pages.
import type { Route } from "../../kit/router";
import { LoopPage } from "./loop_page";

export const LOOP_ROUTES: Route[] = [{ pattern: "/", page: LoopPage }];
