// The client against a server that behaves, refuses, breaks, and is not there.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, addressOf, call } from "./client";
import { session } from "./session";

const fetched = vi.fn<typeof fetch>();
const reply = (status: number, body: unknown, headers = {}): Response =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });

beforeEach(() => vi.stubGlobal("fetch", fetched));
afterEach(() => {
  fetched.mockReset();
  session.end();
  vi.unstubAllGlobals();
});

async function refusal(promise: Promise<unknown>): Promise<ApiError> {
  const fault = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(fault).toBeInstanceOf(ApiError);
  return fault as ApiError;
}

describe("addressOf", () => {
  it("fills and escapes the path, and leaves out what is not asked", () => {
    expect(
      addressOf("GET /api/v1/lineage/{node}", { node: "record:a/b" }, { depth: 3, direction: undefined }),
    ).toBe("/api/v1/lineage/record%3Aa%2Fb?depth=3");
    expect(addressOf("GET /api/v1/runs", undefined, { kind: "" })).toBe("/api/v1/runs");
  });
});

describe("call", () => {
  it("sends the session's key, and the body as JSON", async () => {
    session.begin("cap_1");
    fetched.mockResolvedValue(reply(200, {}));
    await call("PUT /api/v1/models/{name}/aliases/{alias}", {
      path: { name: "m", alias: "a" },
      body: { number: 2 },
    });
    const [address, request] = fetched.mock.calls[0]!;
    expect(address).toBe("/api/v1/models/m/aliases/a");
    expect(request).toMatchObject({ method: "PUT", body: '{"number":2}' });
    expect(request!.headers).toEqual({ authorization: "Bearer cap_1", "content-type": "application/json" });
  });
  it("sends no body with a GET", async () => {
    fetched.mockResolvedValue(reply(200, {}));
    await call("GET /api/v1/me", {});
    expect(fetched.mock.calls[0]![1]!.body).toBeUndefined();
  });
  it("gives the server's code, message and request id", async () => {
    fetched.mockResolvedValue(
      reply(404, { error: { code: "not_found", message: "no run nine", request_id: "r1" } }),
    );
    const error = await refusal(call("GET /api/v1/runs/{id}", { path: { id: "nine" } }));
    expect([error.code, error.message, error.requestId]).toEqual(["not_found", "no run nine", "r1"]);
  });
  it("makes something of a refusal that is not ours", async () => {
    fetched.mockResolvedValue(reply(503, "<html>busy</html>", { "x-request-id": "r2" }));
    const error = await refusal(call("GET /api/v1/me", {}));
    expect([error.code, error.requestId]).toEqual(["unavailable", "r2"]);
  });
  it("says when the server is not there", async () => {
    fetched.mockRejectedValue(new TypeError("Failed to fetch"));
    expect((await refusal(call("GET /api/v1/me", {}))).code).toBe("unreachable");
  });
  it("says when an answer is not JSON", async () => {
    fetched.mockResolvedValue(reply(200, "<html>"));
    expect((await refusal(call("GET /api/v1/me", {}))).code).toBe("internal");
  });
  it("answers nothing for 204", async () => {
    fetched.mockResolvedValue(new Response(null, { status: 204 }));
    expect(await call("DELETE /api/v1/keys/{id}", { path: { id: "k" } })).toBeUndefined();
  });
  it("ends the session whose key is refused, with the reason", async () => {
    session.begin("cap_old");
    fetched.mockResolvedValue(
      reply(401, { error: { code: "unauthorized", message: "revoked", request_id: "r3" } }),
    );
    await refusal(call("GET /api/v1/me", {}));
    expect([session.key(), session.endedBecause()]).toEqual([null, "revoked"]);
  });
  it("keeps the session when another key is tried and refused", async () => {
    session.begin("cap_good");
    fetched.mockResolvedValue(reply(401, {}));
    await refusal(call("GET /api/v1/me", {}, { key: "cap_other" }));
    expect(session.key()).toBe("cap_good");
  });
});
