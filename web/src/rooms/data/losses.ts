// Which reasons cost most, over all steps.
import type { DropReason, ReportStep } from "../../api/types";

export interface Loss {
  step: string;
  reason: DropReason;
}

// Most costly first. A step that dropped records and gave no reasons stands as one reason, its name.
export function lossesOf(steps: readonly ReportStep[]): Loss[] {
  const losses = steps.flatMap((step): Loss[] => {
    const gone = step.records_in - step.records_out;
    const reasons = step.dropped ?? [];
    if (reasons.length === 0 && gone > 0) {
      return [{ step: step.name, reason: { reason: "dropped", count: gone } }];
    }
    return reasons.map((reason) => ({ step: step.name, reason }));
  });
  return losses.filter(({ reason }) => reason.count > 0).sort((a, b) => b.reason.count - a.reason.count);
}
