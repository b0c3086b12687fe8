// The page of spend.
import type { Route } from "../../kit/router";
import { SpendPage } from "./spend_page";

export const SPEND_ROUTES: Route[] = [{ pattern: "/spend", page: SpendPage }];
