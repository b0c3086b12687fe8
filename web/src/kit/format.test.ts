// What a person reads must not depend on luck: every unit's borders.
import { describe, expect, it } from "vitest";
import {
  ago,
  bytes,
  compact,
  count,
  duration,
  money,
  pValue,
  percent,
  readable,
  score,
  shortId,
  signed,
  significant,
  words,
} from "./format";

describe("numbers", () => {
  it("groups counts and shows a dash for none", () => {
    expect([count(4051), count(0), count(null), count(undefined)]).toEqual(["4,051", "0", "–", "–"]);
  });
  it("keeps significant digits, not decimal places", () => {
    expect([significant(15.4213), significant(0.0123456), significant(11700), significant(0)]).toEqual([
      "15.42",
      "0.01235",
      "11,700",
      "0",
    ]);
  });
  it("says tiny and unbounded values without lying", () => {
    expect([significant(3e-7), significant(Number.NaN), significant(Infinity)]).toEqual([
      "3.00e-7",
      "not a number",
      "∞",
    ]);
  });
  it("shortens large numbers at each border", () => {
    expect([999, 1000, 196_608, 5_280_000, 7e9].map(compact)).toEqual(["999", "1k", "197k", "5.28M", "7B"]);
  });
  it("signs differences with a real minus", () => {
    expect([signed(0.311), signed(-0.02), signed(0)]).toEqual(["+0.311", "−0.02", "0"]);
  });
  it("says p-values below 0.001 as such", () => {
    expect([pValue(0.0001), pValue(0.19)]).toEqual(["p < 0.001", "p = 0.190"]);
  });
  it("says fractions as percent", () => {
    expect([percent(0.888, 1), percent(null)]).toEqual(["88.8%", "–"]);
  });
});

describe("sizes, times and money", () => {
  it("chooses the unit of a size", () => {
    expect([0, 999, 1000, 18_600_000, 7e15, null].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "19 MB",
      "7.0 PB",
      "–",
    ]);
  });
  it("chooses the unit of a duration, and never shows 60 seconds", () => {
    expect([0.3, 31.2, 999, 1234, 59_960, 95_000, 7_260_000, 90_000_000].map(duration)).toEqual([
      "0.3 ms",
      "31 ms",
      "999 ms",
      "1.23 s",
      "1 m 00 s",
      "1 m 35 s",
      "2 h 01 m",
      "1 d 01 h",
    ]);
  });
  it("does not say a negative time left", () => {
    expect([duration(-500), duration(null), duration(Number.NaN)]).toEqual(["0 ms", "–", "–"]);
  });
  it("gives small amounts the places that they need", () => {
    expect([12.345, 0.0042, 0.0000093, 0, -0.5].map(money)).toEqual([
      "$12.35",
      "$0.0042",
      "$0.0000093",
      "$0",
      "−$0.50",
    ]);
  });
  it("says how long ago", () => {
    const now = Date.parse("2031-04-02T10:00:00Z");
    const at = (seconds: number): string => ago(new Date(now - seconds * 1000).toISOString(), now);
    expect([at(3), at(59), at(61), at(7300), at(200_000), at(-120)]).toEqual([
      "just now",
      "59 s ago",
      "1 min ago",
      "2 h ago",
      "2 d ago",
      "in 2 min",
    ]);
    expect(ago("2030-01-01T00:00:00Z", now)).toBe("2030-01-01");
    expect([ago(null, now), ago("not a time", now)]).toEqual(["–", "–"]);
  });
});

describe("names", () => {
  it("spells metrics as they are written", () => {
    expect([words("rouge_l"), words("roll_back")]).toEqual(["ROUGE-L", "roll back"]);
  });
  it("keeps the telling end of a long id", () => {
    expect([shortId("short"), shortId("0199abce-7206-7c1d-8e2f-0000075d7e27")]).toEqual([
      "short",
      "0199…5d7e27",
    ]);
  });
  it("leaves out line ends that say nothing", () => {
    expect(readable("\n \n  one\n\n\n \n\ntwo\nthree\n\n")).toBe("  one\n\ntwo\nthree");
    expect(readable("\n\n\n")).toBe("");
    expect(readable("one\n\ntwo")).toBe("one\n\ntwo");
  });
  it("says scores of every type", () => {
    expect([score(0.4412), score(true), score("good")]).toEqual(["0.441", "yes", "good"]);
  });
});
