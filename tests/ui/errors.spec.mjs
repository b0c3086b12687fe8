// When the server is gone, refuses or fails: the page says so, with the request id, and recovers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RESULTS, launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("a server that stops answering is said on every kind of page, and trying again helps", async () => {
  const page = await open(browser, { path: "/lineage" });
  await settled(page);
  await page.context().setOffline(true);
  for (const name of ["Datasets", "Runs", "Models", "Evaluations", "Deployments", "Traces", "Keys"]) {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    await page.getByRole("alert").filter({ hasText: "The server does not answer" }).first().waitFor();
  }
  await page.screenshot({ path: `${RESULTS}error-offline.png` });
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Try again" }).first().click();
  await page.locator("table").first().waitFor();
  await page.context().close();
});

test("what was seen stays when a renewal fails, and is called old", async () => {
  const page = await open(browser, { path: "/deployments" });
  await page.locator("tbody tr").first().waitFor();
  await page.context().setOffline(true);
  await page.getByText("What you see may be old").waitFor();
  assert.ok((await page.locator("tbody tr").count()) > 0);
  await page.context().setOffline(false);
  await page.getByText("What you see may be old").waitFor({ state: "detached" });
  await page.context().close();
});

test("something that does not exist is said with the server's words and the request id", async () => {
  const page = await open(browser, {
    path: "/runs/00000000-0000-7000-8000-000000000000",
  });
  const alert = page.getByRole("alert");
  await alert.filter({ hasText: "Not found" }).waitFor();
  assert.match(await alert.textContent(), /Request \S+/);
  await page.screenshot({ path: `${RESULTS}error-not-found.png` });
  await page.context().close();
});

test("a fault inside the server shows its request id", async () => {
  const page = await open(browser, { path: "/" });
  await settled(page);
  await page.route("**/api/v1/models*", (route) =>
    route.fulfill({
      status: 500,
      json: {
        error: {
          code: "internal",
          message: "our fault",
          request_id: "req-of-this-test",
        },
      },
    }),
  );
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Models" }).click();
  await page.getByText("req-of-this-test").waitFor();
  await page.unroute("**/api/v1/models*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("req-of-this-test").waitFor({ state: "detached" });
  await page.context().close();
});
