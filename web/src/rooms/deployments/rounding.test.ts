// Rounding is said where there is some.
import { expect, test } from "vitest";
import { QUANTIZES, ROUNDINGS, roundingNote } from "./rounding";

test("every way to round has its own words, and none is the first", () => {
  expect(QUANTIZES[0]).toBe("none");
  expect(new Set(Object.values(ROUNDINGS)).size).toBe(QUANTIZES.length);
});

test("a version says what its weights are rounded to, or nothing", () => {
  expect(roundingNote("none")).toBe("");
  expect(roundingNote("int4")).toBe(", weights in 4 bits");
});
