// Every page, with the server's own data: it shows them, complains of nothing, is accessible in light and dark,
// and fits a small screen. Leaves a picture of each in results/.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { RESULTS, accessibilityFaults, launch, open, overflow, settled } from "./browser.mjs";
import { places } from "./places.mjs";

const browser = await launch();
const all = await places();
after(() => browser.close());

async function shows(page, texts) {
  for (const text of texts) {
    await page.locator("main").getByText(text, { exact: false }).first().waitFor({ state: "attached" });
  }
}

for (const theme of ["light", "dark"]) {
  test(`every page, ${theme}`, async (t) => {
    const shared = await open(browser, { theme });
    for (const { name, path, shows: texts } of all) {
      await t.test(name, async () => {
        shared.complaints.length = 0;
        await shared.goto(path);
        await settled(shared);
        await shows(shared, texts);
        assert.equal(await shared.locator("h1").count(), 1);
        assert.equal(await shared.locator('[data-state="error"]').count(), 0);
        assert.deepEqual(shared.complaints, []);
        assert.deepEqual(await accessibilityFaults(shared), []);
        await shared.screenshot({
          path: `${RESULTS}${name}-${theme}.png`,
          fullPage: true,
        });
      });
    }
    await shared.context().close();
  });
}

test("every page fits 400 pixels", async (t) => {
  const page = await open(browser, { width: 400 });
  for (const { name, path } of all) {
    await t.test(name, async () => {
      await page.goto(path);
      await settled(page);
      assert.ok((await overflow(page)) <= 0, `${await overflow(page)} pixels too wide`);
      await page.screenshot({
        path: `${RESULTS}${name}-small.png`,
        fullPage: true,
      });
    });
  }
  await page.context().close();
});

test("an address that is no page says so, and leads home", async () => {
  const page = await open(browser, { path: "/no/such/page" });
  await page.getByRole("heading", { name: "No such page" }).waitFor();
  await page.getByRole("link", { name: "Go to the loop" }).click();
  await page.getByRole("heading", { name: "The loop" }).waitFor();
  await page.context().close();
});

test("the menu opens on a small screen and closes when a page is chosen", async () => {
  const page = await open(browser, { width: 400 });
  await settled(page);
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Traces" }).click();
  await page.getByRole("heading", { name: "Traces" }).waitFor();
  await page.waitForFunction(() => getComputedStyle(document.getElementById("side")).visibility === "hidden");
  await page.context().close();
});
