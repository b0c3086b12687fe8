// The running server answers every GET of docs/api/openapi.json as it says there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { KEY, URL_, api } from "./browser.mjs";
import { faults } from "./schema.mjs";

const document = JSON.parse(readFileSync(new URL("../../docs/api/openapi.json", import.meta.url), "utf8"));

// The turn of the loop makes everything else that the paths name.
await api("/prompts", { body: { name: `contract-${Date.now()}`, template: "What does {{ name }} do?" } });

// Real values for the parameters of each path.
async function parametersOf(path) {
  const id = async (list) => (await api(list)).items[0]?.id;
  const name = async (list) => (await api(list)).items[0]?.name;
  if (path.startsWith("/api/v1/datasets/")) return { id: await id("/datasets") };
  if (path.startsWith("/api/v1/dataset-commits/"))
    return { id: (await api("/datasets")).items[0]?.latest_commit?.id };
  if (path.startsWith("/api/v1/tokenizers/")) return { id: await id("/tokenizers") };
  if (path.startsWith("/api/v1/jobs/")) return { id: await id("/jobs") };
  if (path.startsWith("/api/v1/runs/")) {
    const run = (await api("/runs?kind=pretrain")).items[0];
    return {
      id: run?.id,
      name: (await api(`/runs/${run?.id}/metrics`)).names[0],
    };
  }
  if (path.startsWith("/api/v1/models/")) {
    const model = (await api("/models")).items[0];
    return { name: model?.name, number: model?.latest_version?.number };
  }
  if (path.startsWith("/api/v1/evaluations/")) return { id: await id("/evaluations") };
  if (path.startsWith("/api/v1/deployments/")) return { name: await name("/deployments") };
  if (path.startsWith("/api/v1/traces/")) return { id: await id("/traces") };
  if (path.startsWith("/api/v1/prompts/")) return { name: await name("/prompts") };
  if (path.startsWith("/api/v1/lineage/")) return { node: `response:${await id("/traces")}` };
  return {};
}

for (const [path, { get }] of Object.entries(document.paths)) {
  const schema = get?.responses["200"]?.content?.["application/json"]?.schema;
  if (!schema) continue;
  test(`GET ${path} answers what the document says`, async () => {
    const values = await parametersOf(path);
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const name of wanted) assert.ok(values[name] !== undefined, `the server has no ${name} to ask for`);
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
    const answer = await api(filled.slice("/api/v1".length));
    assert.deepEqual(faults(document, schema, answer).slice(0, 20), []);
  });
}

test("refusals have the one shape, with a request id", async () => {
  const asked = [
    ["/runs/00000000-0000-7000-8000-000000000000", KEY, 404, "not_found"],
    ["/me", "cap_wrong", 401, "unauthorized"],
  ];
  for (const [path, key, status, code] of asked) {
    const response = await fetch(`${URL_}/api/v1${path}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    assert.equal(response.status, status);
    const body = await response.json();
    assert.deepEqual(faults(document, document.components.schemas.Refusal, body), []);
    assert.equal(body.error.code, code);
    assert.ok(body.error.request_id);
  }
});
