// Fewer points for the same picture: of each bucket of steps, the lowest and the highest stay.

export type Point = readonly [x: number, y: number];

// At most about `pointsMax` of `points` (sorted by x), first and last among them. Extremes are never lost, so a
// spike in the loss is seen at any width. Points that are not numbers are dropped.
export function downsample(points: readonly Point[], pointsMax: number): Point[] {
  const good = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (good.length <= Math.max(pointsMax, 4)) return good;
  const buckets = Math.max(1, Math.floor((pointsMax - 2) / 2));
  const inner = good.length - 2;
  const kept: Point[] = [good[0]!];
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const begin = 1 + Math.floor((bucket * inner) / buckets);
    const end = 1 + Math.floor(((bucket + 1) * inner) / buckets);
    if (begin < end) kept.push(...extremes(good, begin, end));
  }
  kept.push(good[good.length - 1]!);
  return kept;
}

function extremes(points: readonly Point[], begin: number, end: number): Point[] {
  let low = begin;
  let high = begin;
  for (let i = begin + 1; i < end; i += 1) {
    if (points[i]![1] < points[low]![1]) low = i;
    if (points[i]![1] > points[high]![1]) high = i;
  }
  if (low === high) return [points[low]!];
  return [points[Math.min(low, high)]!, points[Math.max(low, high)]!];
}

// An exponential moving average, corrected for its start (Kingma and Ba 2015, section 3). `weight` in [0, 1).
export function smooth(points: readonly Point[], weight: number): Point[] {
  if (weight <= 0) return [...points];
  let mean = 0;
  let correction = 1;
  return points.map(([x, y]) => {
    mean = weight * mean + (1 - weight) * y;
    correction *= weight;
    return [x, mean / (1 - correction)] as const;
  });
}

// Adds what came over the stream: later steps only, so that a repeat after a reconnection changes nothing.
export function appendPoints(points: readonly Point[], fresh: readonly Point[]): Point[] {
  const last = points.length > 0 ? points[points.length - 1]![0] : Number.NEGATIVE_INFINITY;
  return [...points, ...fresh.filter(([x]) => x > last)];
}
