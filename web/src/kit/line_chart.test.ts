// What the chart reads off and says aloud.
import { describe, expect, it } from "vitest";
import { nearest, summaryOf } from "./line_chart";

describe("nearest", () => {
  const points = [
    [0, 1],
    [10, 2],
    [20, 3],
  ] as const;
  it("finds the closer of two neighbours", () => {
    expect([-5, 4, 6, 10, 16, 99].map((x) => nearest(points, x))).toEqual([0, 0, 1, 1, 2, 2]);
  });
});

describe("summaryOf", () => {
  it("says where each line begins and ends", () => {
    expect(
      summaryOf("Loss", [
        {
          name: "loss",
          points: [
            [0, 8.31],
            [400, 2.9],
          ],
        },
      ]),
    ).toBe("Loss. loss: from 8.31 at 0 to 2.9 at 400");
    expect(summaryOf("Loss", [{ name: "loss", points: [] }])).toContain("no points yet");
  });
});
