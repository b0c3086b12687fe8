// Weights are relative; people think in percent.

export const WHOLE = 100;
const STEPS = 10; // Tenths of a percent.

// The share of each weight in percent, to a tenth; none when all are zero.
export function sharesOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (total > 0 ? Math.round((weight / total) * WHOLE * STEPS) / STEPS : 0));
}

// The index of the arm on trial: the one with the least traffic, of equals the later.
export function challengerOf(weights: readonly number[]): number {
  return weights.reduce((least, weight, index) => (weight <= weights[least]! ? index : least), 0);
}
