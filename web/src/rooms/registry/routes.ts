// The pages of models.
import type { Route } from "../../kit/router";
import { ModelPage } from "./model_page";
import { ModelsPage } from "./models_page";
import { VersionPage } from "./version_page";

export const REGISTRY_ROUTES: Route[] = [
  { pattern: "/models", page: ModelsPage },
  { pattern: "/models/:name", page: ModelPage },
  { pattern: "/models/:name/versions/:number", page: VersionPage },
];
