// The page of prompts.
import type { Route } from "../../kit/router";
import { PromptsPage } from "./prompts_page";

export const PROMPTS_ROUTES: Route[] = [{ pattern: "/prompts", page: PromptsPage }];
