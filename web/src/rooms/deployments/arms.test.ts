// The better arm is marked only where one is better.
import { describe, expect, it } from "vitest";
import { MEASURES, bestOf } from "./arms";

describe("bestOf", () => {
  it("prefers less or more, as the measure says", () => {
    expect([bestOf([31, 35], "less"), bestOf([31, 35], "more"), bestOf([31, 35], "neither")]).toEqual([
      0, 1, -1,
    ]);
  });
  it("prefers nothing among equals, or when only one is known", () => {
    expect([bestOf([5, 5], "less"), bestOf([null, 5], "less"), bestOf([], "more")]).toEqual([-1, -1, -1]);
  });
});

describe("MEASURES", () => {
  it("divide by requests, and not by none", () => {
    const stats = {
      requests: 0,
      errors: 0,
      ttft_ms_p50: null,
      ttft_ms_p95: null,
      tokens_per_second: null,
      cost_usd: 0,
      score_mean: null,
      score_count: 0,
    };
    expect(MEASURES.find(({ name }) => name === "Errors")!.value(stats)).toBeNull();
    expect(MEASURES.find(({ name }) => name === "Errors")!.value({ ...stats, requests: 4, errors: 1 })).toBe(
      0.25,
    );
  });
});
