// Signing in and out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KEY, RESULTS, accessibilityFaults, launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("a wrong key is refused in words, and the page stays", async () => {
  const page = await open(browser, { key: null });
  await page.getByLabel("Key", { exact: true }).fill("cap_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "does not know this key" }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("capstan.key")), null);
  await page.context().close();
});

test("no key at all is said before the server is asked", async () => {
  const page = await open(browser, { key: null });
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "Paste a key first" }).waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("the right key opens the page that was asked for, and signing out closes it", async () => {
  const page = await open(browser, { key: null, path: "/runs" });
  await page.getByLabel("Key", { exact: true }).fill(`  ${KEY} `);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  await settled(page);
  assert.deepEqual(page.complaints, []);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to Capstan" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in to Capstan" }).waitFor();
  await page.context().close();
});

test("a key that is revoked while the page is open leads back to signing in", async () => {
  const page = await open(browser, {
    key: "cap_revoked_long_ago",
    path: "/datasets",
  });
  await page.getByRole("heading", { name: "Sign in to Capstan" }).waitFor();
  assert.ok((await page.getByRole("alert").textContent()).length > 0);
  await page.context().close();
});

test("the key is hidden until it is asked to be shown", async () => {
  const page = await open(browser, { key: null });
  const field = page.getByLabel("Key", { exact: true });
  assert.equal(await field.getAttribute("type"), "password");
  await page.getByRole("button", { name: "Show" }).click();
  assert.equal(await field.getAttribute("type"), "text");
  await page.context().close();
});

for (const theme of ["light", "dark"]) {
  test(`signing in is accessible, ${theme}`, async () => {
    const page = await open(browser, { key: null, theme });
    await page.getByRole("heading", { name: "Sign in to Capstan" }).waitFor();
    assert.deepEqual(await accessibilityFaults(page), []);
    await page.screenshot({ path: `${RESULTS}login-${theme}.png` });
    await page.context().close();
  });
}
