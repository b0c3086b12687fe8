// Shares add up however the weights are written, and the arm on trial is found.
import { describe, expect, it } from "vitest";
import { challengerOf, sharesOf } from "./shares";

describe("sharesOf", () => {
  it("makes percent of any weights", () => {
    expect(sharesOf([90, 10])).toEqual([90, 10]);
    expect(sharesOf([900_000, 100_000])).toEqual([90, 10]);
    expect(sharesOf([1, 2])).toEqual([33.3, 66.7]);
  });
  it("gives nothing of nothing", () => {
    expect([sharesOf([0, 0]), sharesOf([])]).toEqual([[0, 0], []]);
  });
});

describe("challengerOf", () => {
  it("is the arm with the least traffic, and the later of equals", () => {
    expect([challengerOf([90, 10]), challengerOf([10, 90]), challengerOf([50, 50])]).toEqual([1, 0, 1]);
  });
});
