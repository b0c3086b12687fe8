// A project in which nothing has happened yet: every list says so, and how to begin.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FRESH, RESULTS, launch, open, settled } from "./browser.mjs";

const PATHS = [
  "/datasets",
  "/runs",
  "/models",
  "/evaluations",
  "/deployments",
  "/traces",
  "/prompts",
  "/lineage",
  "/spend",
];
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const skip = FRESH ? false : "CAPSTAN_FRESH_URL and CAPSTAN_FRESH_KEY are not set";

for (const path of PATHS) {
  test(`${path} is empty and says what would fill it`, { skip }, async () => {
    const page = await open(browser, { ...FRESH, path });
    await settled(page);
    await page.locator('[data-state="empty"]').first().waitFor();
    assert.equal(await page.locator('[data-state="error"]').count(), 0);
    assert.deepEqual(page.complaints, []);
    await page.screenshot({
      path: `${RESULTS}empty${path.replace("/", "-")}.png`,
    });
    await page.context().close();
  });
}

test("the loop of an untouched project says how to begin", { skip }, async () => {
  const page = await open(browser, FRESH);
  await settled(page);
  await page.getByText("Nothing has run yet").waitFor();
  assert.equal(await page.locator('.stage[data-state="empty"]').count(), 9);
  await page.screenshot({ path: `${RESULTS}empty-loop.png` });
  await page.context().close();
});
