// The pages of keys and audit. Sign-in has no address: it stands wherever nobody is signed in.
import type { Route } from "../../kit/router";
import { AuditPage } from "./audit_page";
import { KeysPage } from "./keys_page";

export const SECURITY_ROUTES: Route[] = [
  { pattern: "/keys", page: KeysPage },
  { pattern: "/audit", page: AuditPage },
];
