// How the range of replicas is said, and when it is refused.
import { expect, test } from "vitest";
import { rangeFault, replicaRange } from "./replica_range";

const range = (min: number, max: number) => ({ replicas_min: min, replicas_max: max });

test("a fixed number of replicas is said as such", () => {
  expect(replicaRange(range(2, 2))).toBe("always 2");
  expect(replicaRange(range(0, 3))).toBe("0 to 3");
});

test("what the server would refuse is said before", () => {
  expect(rangeFault(range(0, 1))).toBeUndefined();
  expect(rangeFault(range(1, 64))).toBeUndefined();
  expect(rangeFault(range(2, 1))).toMatch(/above/);
  expect(rangeFault(range(-1, 1))).toMatch(/0/);
  expect(rangeFault(range(0, 0))).toMatch(/1 to 64/);
  expect(rangeFault(range(1, 65))).toMatch(/1 to 64/);
  expect(rangeFault(range(0.5, 1))).toMatch(/Whole/);
  expect(rangeFault(range(Number.NaN, 1))).toMatch(/Whole/);
});
