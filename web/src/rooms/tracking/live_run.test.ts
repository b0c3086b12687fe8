// What streams in is added once, and losses share a panel.
import { describe, expect, it } from "vitest";
import { panelsOf } from "./charts";
import { isFinal, resumeAfter, withPoints } from "./use_live_run";

describe("withPoints", () => {
  const have = new Map([
    [
      "loss",
      [
        [0, 8],
        [1, 7],
      ] as const,
    ],
  ]);
  it("adds later steps of known and new metrics", () => {
    const next = withPoints(
      have,
      new Map([
        [
          "loss",
          [
            [1, 7],
            [2, 6],
          ] as const,
        ],
        ["speed", [[2, 9]] as const],
      ]),
    );
    expect([next.get("loss"), next.get("speed")]).toEqual([
      [
        [0, 8],
        [1, 7],
        [2, 6],
      ],
      [[2, 9]],
    ]);
  });
  it("stays the same map when nothing came", () => {
    expect(withPoints(have, new Map())).toBe(have);
  });
});

describe("resumeAfter", () => {
  it("begins where the metric that is furthest behind ends", () => {
    const metrics = new Map([
      [
        "loss",
        [
          [0, 8],
          [90, 7],
        ] as const,
      ],
      ["heldout_loss", [[50, 8]] as const],
    ]);
    expect(resumeAfter(metrics)).toBe(50);
    expect(resumeAfter(new Map())).toBeUndefined();
  });
});

describe("panelsOf", () => {
  it("puts the losses first and together", () => {
    const names = ["speed", "heldout_loss", "loss", "lossless"];
    const panels = panelsOf(new Map(names.map((name) => [name, []])));
    expect(panels.map(({ title }) => title)).toEqual(["Loss", "lossless", "speed"]);
    expect(panels[0]!.series.map(({ name }) => name)).toEqual(["loss", "held-out loss"]);
  });
});

describe("isFinal", () => {
  it("knows the states that end a run", () => {
    const of = (status: "queued" | "running" | "succeeded" | "failed" | "cancelled") => isFinal({ status });
    expect([of("queued"), of("running"), of("succeeded"), of("failed"), of("cancelled")]).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });
});
