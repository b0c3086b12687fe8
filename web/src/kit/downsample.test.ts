// The picture must not lose what matters: the spike, the ends, the order.
import { describe, expect, it } from "vitest";
import { type Point, appendPoints, downsample, smooth } from "./downsample";

const line = (length: number, y: (x: number) => number): Point[] =>
  Array.from({ length }, (_, x) => [x, y(x)] as const);

describe("downsample", () => {
  it("keeps a single spike among a hundred thousand points", () => {
    const points = line(100_000, (x) => (x === 61_234 ? 99 : Math.sin(x / 50)));
    expect(downsample(points, 200)).toContainEqual([61_234, 99]);
  });
  it("stays within the limit, in order, with both ends", () => {
    const points = line(10_001, (x) => Math.sin(x));
    const fewer = downsample(points, 300);
    expect(fewer.length).toBeLessThanOrEqual(300);
    expect([fewer[0]![0], fewer.at(-1)![0]]).toEqual([0, 10_000]);
    expect(fewer.every(([x], i) => i === 0 || x > fewer[i - 1]![0])).toBe(true);
  });
  it("leaves few points as they are", () => {
    const points = line(5, (x) => x);
    expect(downsample(points, 100)).toEqual(points);
  });
  it("drops what is not a number", () => {
    expect(
      downsample(
        [
          [0, 1],
          [1, Number.NaN],
          [2, Infinity],
          [3, 2],
        ],
        100,
      ),
    ).toEqual([
      [0, 1],
      [3, 2],
    ]);
  });
  it("survives limits that make no sense", () => {
    expect(
      downsample(
        line(50, (x) => x),
        0,
      ).length,
    ).toBeGreaterThan(1);
    expect(downsample([], 10)).toEqual([]);
  });
});

describe("smooth", () => {
  it("leaves a constant line where it is, from the first point", () => {
    expect(
      smooth(
        line(20, () => 7),
        0.9,
      ).every(([, y]) => Math.abs(y - 7) < 1e-9),
    ).toBe(true);
  });
  it("does nothing at weight 0", () => {
    const points = line(4, (x) => x * x);
    expect(smooth(points, 0)).toEqual(points);
  });
});

describe("appendPoints", () => {
  it("takes only later steps, so a repeat changes nothing", () => {
    const have = line(3, (x) => x);
    expect(
      appendPoints(have, [
        [1, 9],
        [2, 9],
        [3, 9],
      ]),
    ).toEqual([...have, [3, 9]]);
  });
});
