#!/usr/bin/env node
// Checks what TypeScript does not: that a room of the web page imports only itself, kit and api; that kit and
// api do not import rooms; that files stay short and open with their purpose; that the lock file names no host.
//
// Usage: tools/check_web.mjs     Prints path:line: rule, and exits 1, when something is broken.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../web/", import.meta.url));
const SOURCE = join(WEB, "src");
const LINES_MAX = 400;
const COLUMNS_MAX = 115;
const GENERATED = new Set(["api/types.ts"]);
const IMPORT = /(?:from|import)\s*\(?\s*"(\.[^"]+)"/;
// What each part of the page may import, beside itself. `app` knows everything and is known by nobody.
const MAY_IMPORT = {
  api: [],
  kit: ["api"],
  rooms: ["kit", "api"],
  app: ["kit", "api", "rooms"],
};

const partOf = (path) => path.split("/")[0];
const roomOf = (path) => (partOf(path) === "rooms" ? path.split("/")[1] : undefined);

function* importRules(path, line) {
  const target = line.match(IMPORT)?.[1];
  if (!target) return;
  const from = partOf(path);
  const other = relative(SOURCE, resolve(SOURCE, dirname(path), target));
  if (!(from in MAY_IMPORT)) return;
  if (roomOf(path) && roomOf(other) && roomOf(path) !== roomOf(other)) {
    yield `room ${roomOf(path)} may not import room ${roomOf(other)}: a room imports kit and api only`;
  } else if (partOf(other) !== from && !MAY_IMPORT[from].includes(partOf(other))) {
    yield `${from} may not import ${partOf(other)}`;
  }
}

function* rules(path, text) {
  const lines = text.trimEnd().split("\n");
  if (lines.length > LINES_MAX)
    yield [LINES_MAX, `${lines.length} lines; at most ${LINES_MAX}: split by purpose`];
  if (!/^(\/\/|\/\*)/.test(lines[0])) yield [1, "a file opens with a comment that says its purpose"];
  for (const [index, line] of lines.entries()) {
    for (const rule of importRules(path, line)) yield [index + 1, rule];
    if (!path.endsWith(".css") && line.length > COLUMNS_MAX)
      yield [index + 1, `${line.length} columns; at most ${COLUMNS_MAX}`];
    if (/\b(FIXME|TODO|XXX)\b/.test(line)) yield [index + 1, "leftover marker: finish it"];
    if (/dangerouslySetInnerHTML|\beval\(/.test(line))
      yield [index + 1, "text from outside never becomes code"];
    if (/https?:\/\//.test(line) && !line.includes("www.w3.org"))
      yield [index + 1, "the page loads nothing from outside"];
  }
}

let broken = 0;
const report = (path, line, rule) => {
  console.error(`${path}:${line}: ${rule}`);
  broken += 1;
};
const files = readdirSync(SOURCE, { recursive: true }).map((path) => path.replaceAll("\\", "/"));
for (const path of files.filter((name) => /\.(tsx?|css)$/.test(name) && !GENERATED.has(name)).sort()) {
  for (const [line, rule] of rules(path, readFileSync(join(SOURCE, path), "utf8")))
    report(`web/src/${path}`, line, rule);
}
for (const [index, line] of readFileSync(join(WEB, "package-lock.json"), "utf8").split("\n").entries()) {
  if (line.includes('"resolved": "http')) report("web/package-lock.json", index + 1, "names a registry host");
}
process.exit(broken === 0 ? 0 : 1);
