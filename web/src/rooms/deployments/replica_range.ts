// How many replicas a target may have, in words.

export const REPLICAS_MAX = 64;

interface Range {
  replicas_min: number;
  replicas_max: number;
}

export function replicaRange({ replicas_min: min, replicas_max: max }: Range): string {
  return min === max ? `always ${max}` : `${min} to ${max}`;
}

// Why the server would refuse the range; undefined when it would not.
export function rangeFault({ replicas_min: min, replicas_max: max }: Range): string | undefined {
  if (!Number.isInteger(min) || !Number.isInteger(max)) return "Whole numbers only.";
  if (min < 0) return "At least 0.";
  if (max < 1 || max > REPLICAS_MAX) return `The most must be 1 to ${REPLICAS_MAX}.`;
  return min > max ? "At least may not be above at most." : undefined;
}
