// Axes name round numbers inside their range.
import { describe, expect, it } from "vitest";
import { extent, linear, ticks } from "./scale";

describe("ticks", () => {
  it("are round and inside", () => {
    expect(ticks(0.13, 0.92, 4)).toEqual([0.2, 0.4, 0.6, 0.8]);
    expect(ticks(0, 900, 5)).toEqual([0, 200, 400, 600, 800]);
  });
  it("do not loop on an empty range", () => {
    expect(ticks(5, 5, 4)).toEqual([5]);
    expect(ticks(5, 4, 4)).toEqual([5]);
  });
});

describe("extent", () => {
  it("holds all values with a margin", () => {
    expect(extent([0, 10], 0.1)).toEqual([-1, 11]);
  });
  it("opens a flat range, and one of nothing", () => {
    expect(extent([4, 4])).toEqual([2, 6]);
    expect(extent([0])).toEqual([-0.5, 0.5]);
    expect(extent([Number.NaN])).toEqual([0, 1]);
  });
});

describe("linear", () => {
  it("maps ends to ends and a flat domain to its start", () => {
    expect(linear([0, 10], [100, 200])(5)).toBe(150);
    expect(linear([3, 3], [100, 200])(3)).toBe(100);
  });
});
