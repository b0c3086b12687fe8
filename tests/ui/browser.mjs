// What every UI test needs: the server's address and keys, a browser, a signed-in page that notes its errors, and
// the same API that the page uses, to compare with.
//
//   CAPSTAN_URL, CAPSTAN_KEY              a server with data (a finished quickstart), and an administrator's key
//   CAPSTAN_FRESH_URL, CAPSTAN_FRESH_KEY  a server or project without any data, for the empty states
//   CAPSTAN_TRAINING_RUN                  the body of POST /training-runs for the live chart; without it the last
//                                         pretraining is run again with its own parameters
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
export const RESULTS = fileURLToPath(new URL("./results/", import.meta.url));
mkdirSync(RESULTS, { recursive: true });

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; tests/ui/README.md says how to run these tests`);
  return value.replace(/\/$/, "");
}

export const URL_ = need("CAPSTAN_URL");
export const KEY = need("CAPSTAN_KEY");
export const FRESH =
  process.env.CAPSTAN_FRESH_URL && process.env.CAPSTAN_FRESH_KEY
    ? {
        url: process.env.CAPSTAN_FRESH_URL.replace(/\/$/, ""),
        key: process.env.CAPSTAN_FRESH_KEY,
      }
    : null;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
  });
}

// A page that is signed in (unless `key` is null) and collects what the console and the page complain of.
export async function open(
  browser,
  { key = KEY, url = URL_, path = "/", theme = "light", width = 1440 } = {},
) {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: theme,
    reducedMotion: "reduce",
    baseURL: url,
  });
  if (key) await context.addInitScript((value) => sessionStorage.setItem("capstan.key", value), key);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.complaints = [];
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  await page.goto(path);
  return page;
}

// Asks the API as the page would. `body` makes it a POST.
export async function api(path, { key = KEY, url = URL_, body, method = body ? "POST" : "GET" } = {}) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body ? { "content-type": "application/json" } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return text ? JSON.parse(text) : undefined;
}

// A page has settled when nothing on it is waiting any more.
export async function settled(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('[data-state="loading"]').length === 0);
}

// What axe finds against WCAG 2.2 A and AA; none is allowed.
export async function accessibilityFaults(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(" | ")}`,
  );
}

// How far the page is wider than its window.
export async function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
