// Addresses: what fits, what is decoded, what is never followed.
import { describe, expect, it } from "vitest";
import { isOurs, match, path } from "./router";

describe("match", () => {
  it("finds parameters and decodes them", () => {
    expect(match("/lineage/:node", "/lineage/response%3Achatcmpl-1")).toEqual({
      node: "response:chatcmpl-1",
    });
    expect(match("/models/:name/versions/:number", "/models/a%2Fb/versions/2")).toEqual({
      name: "a/b",
      number: "2",
    });
  });
  it("refuses what is longer, shorter, other or broken", () => {
    expect(match("/runs/:id", "/runs")).toBeNull();
    expect(match("/runs/:id", "/runs/1/2")).toBeNull();
    expect(match("/runs/:id", "/models/1")).toBeNull();
    expect(match("/runs/:id", "/runs/%E0%A4%A")).toBeNull();
  });
  it("fits the root", () => {
    expect(match("/", "/")).toEqual({});
  });
});

describe("path", () => {
  it("escapes what it is given", () => {
    expect(path`/lineage/${"record:a/b?c"}`).toBe("/lineage/record%3Aa%2Fb%3Fc");
    expect(path`/models/${"m"}/versions/${2}`).toBe("/models/m/versions/2");
  });
});

describe("isOurs", () => {
  it("follows only addresses of the page", () => {
    expect(["/runs/1", "/"].map(isOurs)).toEqual([true, true]);
    expect(["//evil.example", "/\\evil.example", "javascript:alert(1)", "data:x", ""].map(isOurs)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
