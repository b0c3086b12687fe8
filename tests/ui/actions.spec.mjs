// What a person changes through the page, and what a person without the permission cannot.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KEY, RESULTS, accessibilityFaults, api, launch, open, settled } from "./browser.mjs";

let browser;
let deployment;
before(async () => {
  browser = await launch();
  deployment = (await api("/deployments")).items[0];
});
after(() => browser.close());

test("a key is made, shown once, works, is revoked, and then is refused", async (t) => {
  const page = await open(browser, { path: "/keys" });
  const name = `ui-test-${process.pid}`;
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Role").selectOption("viewer");
  await page.getByRole("button", { name: "Make the key" }).click();
  const key = await page.locator(".key-once code").textContent();
  assert.match(key, /^cap_/);
  await page.screenshot({ path: `${RESULTS}key-once.png` });
  await page.getByRole("button", { name: "I have it" }).click();
  await page.locator("tr", { hasText: name }).waitFor();

  await t.test("a viewer sees the actions of a deployment, and cannot use them", async () => {
    const viewer = await open(browser, {
      key,
      path: `/deployments/${deployment.name}`,
    });
    await settled(viewer);
    for (const action of ["Promote", "Roll back", "Change split", "Scale", "Change version"]) {
      const button = viewer.getByRole("button", { name: action });
      assert.equal(await button.getAttribute("aria-disabled"), "true");
      await button.click({ force: true });
    }
    assert.equal(await viewer.locator("dialog[open]").count(), 0);
    assert.equal(await viewer.getByRole("link", { name: "Keys" }).count(), 0);
    await viewer.goto("/keys");
    await viewer.getByRole("alert").filter({ hasText: "Not allowed" }).waitFor();
    await viewer.context().close();
  });

  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("button", { name: "Revoke the key" }).click();
  await page.locator("tr", { hasText: name }).getByText("revoked").waitFor();
  const refused = await open(browser, { key });
  await refused.getByRole("heading", { name: "Sign in to Capstan" }).waitFor();
  await refused.context().close();
  await page.context().close();
});

test("the replicas of a target are changed by hand, and shown", async () => {
  const [target] = deployment.targets;
  const url = `/deployments/${deployment.name}`;
  const range = () => api(url).then(({ targets: [one] }) => [one.replicas_min, one.replicas_max]);
  const before = await range();
  const page = await open(browser, { path: url });
  try {
    await page.getByRole("button", { name: "Scale" }).click();
    await page.getByLabel("At most").fill("0");
    await page.getByText("The most must be 1 to 64.").waitFor();
    await page.getByLabel("At most").fill(String(before[1] + 1));
    assert.deepEqual(await accessibilityFaults(page), []);
    await page.screenshot({ path: `${RESULTS}scale-dialog.png` });
    await page.getByRole("button", { name: "Change the replicas" }).click();
    await page.getByText(`${target.label} ${before[0]} to ${before[1] + 1}`).waitFor();
    assert.deepEqual(await range(), [before[0], before[1] + 1]);
  } finally {
    const body = { label: target.label, replicas_min: before[0], replicas_max: before[1] };
    await api(`${url}/scale`, { method: "PUT", body });
  }
  await page.context().close();
});

test("a target's versions are offered, and nothing is changed by asking for what is there", async () => {
  const [{ model, number, label }] = deployment.targets;
  const numbers = (await api(`/models/${model}/versions`)).items.map((version) => version.number);
  const page = await open(browser, { path: `/deployments/${deployment.name}` });
  await page.getByRole("button", { name: "Change version" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(label).first().waitFor({ state: "attached" });
  const options = dialog.locator("label", { hasText: /^Version/ }).locator("option");
  await options.nth(numbers.length - 1).waitFor({ state: "attached" });
  assert.deepEqual(
    await options.allTextContents(),
    numbers.sort((a, b) => b - a).map((one) => `v${one}${one === number ? " (now)" : ""}`),
  );
  if (numbers.length === 1) await dialog.getByText(`${model} has no other version.`).waitFor();
  const act = dialog.getByRole("button", { name: "Change the version" });
  assert.equal(await act.getAttribute("aria-disabled"), "true");
  await dialog.getByLabel("Weights").selectOption("in 8 bits");
  assert.notEqual(await act.getAttribute("aria-disabled"), "true");
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.screenshot({ path: `${RESULTS}version-dialog.png` });
  await page.context().close();
});

test("the weights of a target are rounded by hand, shown, and put back", async () => {
  const [target] = deployment.targets;
  const url = `/deployments/${deployment.name}`;
  const page = await open(browser, { path: url });
  try {
    await page.getByRole("button", { name: "Change version" }).click();
    await page.getByLabel("Weights").selectOption("in 8 bits");
    await page.getByRole("button", { name: "Change the version" }).click();
    const fact = page.locator("dt", { hasText: `Weights of ${target.label}` });
    await fact.locator("xpath=following-sibling::dd[1]").getByText("in 8 bits").waitFor();
    assert.deepEqual(await accessibilityFaults(page), []);
    const [now] = (await api(url)).targets;
    assert.deepEqual([now.quantize, now.version_id], ["int8", target.version_id]);
    await page
      .getByText(`${target.label}: ${target.model}/${target.number} in int8 in place of`)
      .first()
      .waitFor();
  } finally {
    await api(`${url}/version`, { method: "PUT", body: { label: target.label, quantize: "none" } });
  }
  await page.context().close();
});

test("the split is changed by hand, shown, and put back", async () => {
  assert.equal(deployment.targets.length, 2, "needs a deployment of two targets");
  const weights = () =>
    api(`/deployments/${deployment.name}`).then(({ targets }) => targets.map(({ weight }) => weight));
  const before = await weights();
  const page = await open(browser, { path: `/deployments/${deployment.name}` });
  try {
    await page.getByRole("button", { name: "Change split" }).click();
    await page.getByRole("slider").first().fill("70");
    assert.deepEqual(await accessibilityFaults(page), []);
    await page.screenshot({ path: `${RESULTS}split-dialog.png` });
    await page.getByRole("button", { name: "Change the split" }).click();
    await page.getByRole("img", { name: /Traffic split: .* 70%, .* 30%/ }).waitFor();
    assert.deepEqual(await weights(), [70, 30]);
  } finally {
    const targets = deployment.targets.map(({ label }, index) => ({
      label,
      weight: before[index],
    }));
    await api(`/deployments/${deployment.name}/split`, {
      method: "PUT",
      body: { targets },
    });
  }
  await page.context().close();
});

test("a decision by hand wants a reason, and is shown with it", async () => {
  const page = await open(browser, { path: `/deployments/${deployment.name}` });
  const reason = `ui test ${process.pid}`;
  await page.getByRole("button", { name: "Keep", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Keep" }).click();
  assert.equal(await dialog.count(), 1);
  await dialog.getByLabel("Reason").fill(reason);
  await dialog.getByRole("button", { name: "Keep" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText(reason).first().waitFor();
  const { decision } = await api(`/deployments/${deployment.name}`);
  assert.deepEqual([decision.outcome, decision.reason], ["keep", reason]);
  await page.context().close();
});

test("backing out of a question changes nothing", async () => {
  const page = await open(browser, { path: `/deployments/${deployment.name}` });
  const before = await api(`/deployments/${deployment.name}`);
  await page.getByRole("button", { name: "Roll back" }).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const now = await api(`/deployments/${deployment.name}`);
  assert.deepEqual(now.decision, before.decision);
  await page.context().close();
});

test("an answer is scored from its trace", async () => {
  const { items } = await api("/traces?limit=1");
  const page = await open(browser, { path: `/traces/${items[0].id}` });
  await page.getByRole("button", { name: "Good answer" }).click();
  await page.getByText("The score was kept").waitFor();
  const { scores } = await api(`/traces/${items[0].id}`);
  assert.ok(scores.some(({ name, value }) => name === "thumbs" && (value === true || value === 1)));
  await page.context().close();
});

test("lineage is walked by choosing a node", async () => {
  const { items } = await api("/traces?limit=1");
  const page = await open(browser, { path: `/traces/${items[0].id}` });
  await page.getByRole("link", { name: "Walk back to the sources" }).click();
  await page.waitForURL("**/lineage/response*");
  await page
    .getByRole("button", { name: /^Model version/ })
    .first()
    .click();
  await page.waitForURL("**/lineage/model_version*");
  await page.locator('.graph-node[aria-current="true"]').filter({ hasText: "Model version" }).waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("the key never leaves the tab for an address or the console", async () => {
  const page = await open(browser);
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  await page.reload();
  await settled(page);
  assert.ok(addresses.every((address) => !address.includes(KEY)));
  const hosts = new Set(addresses.map((address) => new URL(address).host));
  assert.equal(hosts.size, 1, `the page asked ${[...hosts]}`);
  await page.context().close();
});
