// The costliest reason comes first, and no loss goes unnamed.
import { describe, expect, it } from "vitest";
import { lossesOf } from "./losses";

describe("lossesOf", () => {
  it("orders reasons over all steps by what they cost", () => {
    const losses = lossesOf([
      { name: "language", records_in: 100, records_out: 90, dropped: [{ reason: "not English", count: 10 }] },
      {
        name: "quality",
        records_in: 90,
        records_out: 60,
        dropped: [
          { reason: "short", count: 29 },
          { reason: "list", count: 1 },
        ],
      },
    ]);
    expect(losses.map(({ reason }) => reason.reason)).toEqual(["short", "not English", "list"]);
  });
  it("names a step that dropped records without saying why", () => {
    expect(lossesOf([{ name: "dedup", records_in: 9, records_out: 7 }])).toEqual([
      { step: "dedup", reason: { reason: "dropped", count: 2 } },
    ]);
    expect(lossesOf([{ name: "read", records_in: 9, records_out: 9 }])).toEqual([]);
  });
});
