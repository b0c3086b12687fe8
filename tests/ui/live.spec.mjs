// A run that is learning: its chart grows while one looks, with and without server-sent events.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RESULTS, api, launch, open } from "./browser.mjs";

const LONG_MS = 120_000;
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// A run that is going on now: one that is there, or one that is started for this.
async function running() {
  const { items } = await api("/runs");
  const found = items.find(({ status, kind }) => status === "running" && ["pretrain", "lora"].includes(kind));
  if (found) return { id: found.id, started: false };
  const { run_id: id } = await api("/training-runs", { body: await smallRun() });
  return { id, started: true };
}

// A pretraining that is small enough to report many times a second, and that would go on for minutes.
async function smallRun() {
  const datasets = (await api("/datasets")).items;
  const tokenizers = (await api("/tokenizers")).items;
  return {
    name: "ui-live-chart",
    task: "pretrain",
    dataset_commit_id: datasets.find(({ kind }) => kind === "text").latest_commit.id,
    tokenizer_id: tokenizers[0].id,
    spec: {
      model: {
        hidden_size: 32,
        intermediate_size: 64,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
      },
      batch: { sequences: 2, sequence_tokens: 64 },
      steps: 100_000,
    },
  };
}

const pointsOf = (page) => page.locator("svg[data-points]").first().getAttribute("data-points").then(Number);

async function growsOn(page) {
  await page.locator("svg[data-points]").first().waitFor({ timeout: LONG_MS });
  const before = await pointsOf(page);
  await page.waitForFunction(
    (count) => Number(document.querySelector("svg[data-points]").dataset.points) > count,
    before,
    { timeout: LONG_MS },
  );
}

test("the chart of a live run grows", { timeout: 3 * LONG_MS }, async (t) => {
  const run = await running();
  try {
    await t.test("by server-sent events", async () => {
      const page = await open(browser, { path: `/runs/${run.id}` });
      await growsOn(page);
      await page.getByText("live", { exact: true }).waitFor();
      assert.deepEqual(page.complaints, []);
      await page.screenshot({ path: `${RESULTS}run-live.png`, fullPage: true });
      await page.context().close();
    });
    await t.test("by asking again, when there are no events", async () => {
      const page = await open(browser, { path: "/runs" });
      await page.route("**/events", (route) => route.abort());
      await page.goto(`/runs/${run.id}`);
      await growsOn(page);
      await page.context().close();
    });
  } finally {
    if (run.started) {
      const { job_id: job } = await api(`/runs/${run.id}`);
      await api(`/jobs/${job}/cancel`, { method: "POST" });
    }
  }
});

test("the chart is read with the arrow keys", async () => {
  const { items } = await api("/runs?kind=pretrain");
  const page = await open(browser, {
    path: `/runs/${items.find(({ status }) => status === "succeeded").id}`,
  });
  const chart = page.locator("svg[data-points]").first();
  await chart.focus();
  await page.keyboard.press("Home");
  await page
    .getByText(/step\s*\d+/)
    .first()
    .waitFor();
  assert.match(await chart.getAttribute("aria-label"), /loss: from .* at \d+ to .* at \d+/i);
  await page.context().close();
});
