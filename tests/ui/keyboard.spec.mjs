// The page without a mouse, and its themes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RESULTS, accessibilityFaults, launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("g and a letter goes to each place", async () => {
  const page = await open(browser);
  await settled(page);
  const places = {
    d: "Datasets",
    r: "Runs",
    m: "Models",
    e: "Evaluations",
    p: "Deployments",
    t: "Traces",
    i: "Lineage",
    l: "The loop",
  };
  for (const [key, title] of Object.entries(places)) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
  }
  await page.context().close();
});

test("j and k walk the traces, Enter opens one", async () => {
  const page = await open(browser, { path: "/traces" });
  await page.locator("tbody tr").nth(2).waitFor();
  const ids = await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.dataset.id));
  for (const key of ["j", "j", "j", "k"]) await page.keyboard.press(key);
  const at = await page.locator("tbody tr.at").getAttribute("data-id");
  assert.ok(at);
  assert.ok(ids.length < 3 || (await page.locator("tbody tr.at").count()) === 1);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/traces/${at}`);
  await page.context().close();
});

test("? shows the keys, Escape closes them, and the focus comes back", async () => {
  const page = await open(browser);
  await settled(page);
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard" });
  await help.waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.screenshot({ path: `${RESULTS}help.png` });
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  await page.context().close();
});

test("the skip link is first, and leads to the content", async () => {
  const page = await open(browser, { path: "/runs" });
  await settled(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await page.context().close();
});

test("tabs are walked with arrows, and are in the address", async () => {
  const page = await open(browser, { path: "/datasets" });
  await page.locator("tbody tr a").first().click();
  await page.getByRole("tab", { name: "Report" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getByRole("tab", { name: "Samples" }).getAttribute("aria-selected"), "true");
  assert.match(page.url(), /tab=samples/);
  await page.context().close();
});

test("the search is reached with / and typing there does not move rows", async () => {
  const page = await open(browser, { path: "/traces" });
  await page.locator("tbody tr").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("jjj kkk no such words");
  assert.equal(await page.locator("tbody tr.at").count(), 0);
  await page.keyboard.press("Enter");
  await page.getByText("No trace fits").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("tbody tr").first().waitFor();
  await page.context().close();
});

test("every focused control has a visible ring", async () => {
  const page = await open(browser, { path: "/traces" });
  await page.locator("tbody tr").first().waitFor();
  for (let i = 0; i < 20; i += 1) {
    await page.keyboard.press("Tab");
    const ring = await page.evaluate(() => {
      const here = document.activeElement;
      const shown = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
      return shown(getComputedStyle(here)) || shown(getComputedStyle(here, "::after"));
    });
    assert.ok(ring, `no ring on stop ${i + 1}`);
  }
  await page.context().close();
});

test("the theme follows the system, and a choice is kept", async () => {
  const page = await open(browser, { theme: "dark" });
  await settled(page);
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  await page.getByRole("button", { name: /^Theme: system/ }).click();
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await settled(page);
  assert.equal(await ground(), light);
  await page.getByRole("button", { name: /^Theme: light/ }).click();
  assert.equal(await ground(), dark);
  await page.context().close();
});
