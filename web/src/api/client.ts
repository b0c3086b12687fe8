// Calls the server: one function for every operation of docs/api/openapi.json, typed by it.
import { session } from "./session";
import type { Operations, Refusal } from "./types";

export type Operation = keyof Operations;
export type Answer<K extends Operation> = Operations[K]["answer"];
type Part<K extends Operation, P extends "path" | "query" | "body"> = Operations[K][P];
// What a call takes: only the parts that the operation has; a query may always be left out.
export type Input<K extends Operation> = (Part<K, "path"> extends undefined
  ? { path?: undefined }
  : { path: Part<K, "path"> }) &
  (Part<K, "body"> extends undefined ? { body?: undefined } : { body: Part<K, "body"> }) & {
    query?: Part<K, "query">;
  };
export type ErrorCode = Refusal["error"]["code"] | "unreachable";

const TIMEOUT_MS = 30_000;

// A refusal by the server, or the news that there is none ("unreachable").
export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly requestId: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

// The address of an operation: "GET /api/v1/runs/{id}" and { id: "a/b" } make /api/v1/runs/a%2Fb.
export function addressOf(operation: string, path?: object, query?: object): string {
  const values = (path ?? {}) as Record<string, string>;
  const filled = operation
    .slice(operation.indexOf(" ") + 1)
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") asked.set(name, String(value));
  }
  const tail = asked.toString();
  return tail ? `${filled}?${tail}` : filled;
}

export function headers(key = session.key()): Record<string, string> {
  return key ? { authorization: `Bearer ${key}` } : {};
}

function codeOf(status: number): ErrorCode {
  const codes: Record<number, ErrorCode> = {
    400: "invalid",
    401: "unauthorized",
    403: "denied",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    429: "exhausted",
    503: "unavailable",
  };
  return codes[status] ?? (status < 500 ? "invalid" : "internal");
}

// What a refused response says. A body that is not ours (a proxy's page) becomes its status.
export async function refusalOf(response: Response): Promise<ApiError> {
  const requestId = response.headers.get("x-request-id");
  try {
    const { error } = (await response.json()) as Refusal;
    return new ApiError(error.code, error.message, error.request_id ?? requestId);
  } catch {
    return new ApiError(codeOf(response.status), `The server answered ${response.status}.`, requestId);
  }
}

export function unreachable(fault: unknown): ApiError {
  if (fault instanceof ApiError) return fault;
  const late = fault instanceof DOMException && fault.name === "TimeoutError";
  return new ApiError(
    "unreachable",
    late ? "The server did not answer in time." : "The server does not answer.",
  );
}

interface CallOptions {
  signal?: AbortSignal;
  key?: string; // Another key than the session's, to try it.
}

// Throws ApiError, or the abort reason when `signal` ends the call. A session whose key is refused ends.
export async function call<K extends Operation>(
  operation: K,
  input: Input<K>,
  { signal, key }: CallOptions = {},
): Promise<Answer<K>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const asked = headers(key);
  const request: RequestInit = {
    method: operation.slice(0, operation.indexOf(" ")),
    headers: input.body === undefined ? asked : { ...asked, "content-type": "application/json" },
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  };
  if (input.body !== undefined) request.body = JSON.stringify(input.body);
  let response: Response;
  try {
    response = await fetch(addressOf(operation, input.path, input.query), request);
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw unreachable(fault);
  }
  if (!response.ok) {
    const refusal = await refusalOf(response);
    if (response.status === 401 && !key) session.end(refusal.message);
    throw refusal;
  }
  if (response.status === 204) return undefined as Answer<K>;
  try {
    return (await response.json()) as Answer<K>;
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new ApiError("internal", "The server's answer is not JSON.", response.headers.get("x-request-id"));
  }
}
