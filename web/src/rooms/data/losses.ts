// Which reasons cost most, over all steps.
import type { DropReason, ReportStep } from "../../api/types";

export interface Loss {
  step: string;
  reason: DropReason;
}

// Most costly first. A step that dropped records and gave no reasons stands as one reason, its name.
export function lossesOf(steps: readonly ReportStep[]): Loss[] {
  const losses = steps.flatMap((step): Loss[] => {
    const dropped = step.records_in - step.records_out;
    const reasons = step.reasons ?? [];
    if (reasons.length === 0 && dropped > 0) {
      return [{ step: step.name, reason: { reason: "dropped", count: dropped } }];
    }
    return reasons.map((reason) => ({ step: step.name, reason }));
  });
  return losses.filter(({ reason }) => reason.count > 0).sort((a, b) => b.reason.count - a.reason.count);
}
