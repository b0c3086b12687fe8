// Every page and its address. Each room brings its own.
import type { Route } from "../kit/router";
import { LOOP_ROUTES } from "../rooms/loop/routes";

export const ROUTES: Route[] = [...LOOP_ROUTES];
