// The pages of deployments.
import type { Route } from "../../kit/router";
import { DeploymentPage } from "./deployment_page";
import { DeploymentsPage } from "./deployments_page";

export const DEPLOYMENTS_ROUTES: Route[] = [
  { pattern: "/deployments", page: DeploymentsPage },
  { pattern: "/deployments/:name", page: DeploymentPage },
];
