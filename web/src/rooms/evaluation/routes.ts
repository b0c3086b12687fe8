// The pages of evaluations.
import type { Route } from "../../kit/router";
import { EvaluationPage } from "./evaluation_page";
import { EvaluationsPage } from "./evaluations_page";

export const EVALUATION_ROUTES: Route[] = [
  { pattern: "/evaluations", page: EvaluationsPage },
  { pattern: "/evaluations/:id", page: EvaluationPage },
];
