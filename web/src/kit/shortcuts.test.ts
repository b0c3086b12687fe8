// Single keys and pairs do not disturb each other.
import { describe, expect, it } from "vitest";
import { type Shortcut, findShortcut } from "./shortcuts";

const shortcuts: Shortcut[] = ["?", "j", "g r", "g j"].map((keys) => ({
  keys,
  does: keys,
  run: () => undefined,
}));
const press = (before: string | null, key: string) => {
  const { found, waiting } = findShortcut(shortcuts, before, key);
  return [found?.keys ?? null, waiting];
};

describe("findShortcut", () => {
  it("waits after the first of a pair, then finds it", () => {
    expect(press(null, "g")).toEqual([null, "g"]);
    expect(press("g", "r")).toEqual(["g r", null]);
  });
  it("prefers the pair to the single key", () => {
    expect(press("g", "j")).toEqual(["g j", null]);
    expect(press(null, "j")).toEqual(["j", null]);
  });
  it("forgets a pair that comes to nothing", () => {
    expect(press("g", "x")).toEqual([null, null]);
    expect(press("g", "g")).toEqual([null, "g"]);
  });
});
