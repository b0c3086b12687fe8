// Every page and its address. Each room brings its own.
import type { Route } from "../kit/router";
import { DATA_ROUTES } from "../rooms/data/routes";
import { DEPLOYMENTS_ROUTES } from "../rooms/deployments/routes";
import { EVALUATION_ROUTES } from "../rooms/evaluation/routes";
import { LINEAGE_ROUTES } from "../rooms/lineage/routes";
import { LOOP_ROUTES } from "../rooms/loop/routes";
import { OBSERVABILITY_ROUTES } from "../rooms/observability/routes";
import { PROMPTS_ROUTES } from "../rooms/prompts/routes";
import { REGISTRY_ROUTES } from "../rooms/registry/routes";
import { SECURITY_ROUTES } from "../rooms/security/routes";
import { SPEND_ROUTES } from "../rooms/spend/routes";
import { TRACKING_ROUTES } from "../rooms/tracking/routes";

export const ROUTES: Route[] = [
  ...LOOP_ROUTES,
  ...DATA_ROUTES,
  ...TRACKING_ROUTES,
  ...EVALUATION_ROUTES,
  ...REGISTRY_ROUTES,
  ...DEPLOYMENTS_ROUTES,
  ...OBSERVABILITY_ROUTES,
  ...PROMPTS_ROUTES,
  ...LINEAGE_ROUTES,
  ...SPEND_ROUTES,
  ...SECURITY_ROUTES,
];
