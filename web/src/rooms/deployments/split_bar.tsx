// How traffic is split, as one bar.
import type { DeploymentTarget } from "../../api/types";
import "./deployments.css";

export function SplitBar({ targets, large }: { targets: DeploymentTarget[]; large?: boolean }) {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0) || 1;
  const said = targets.map(({ label, weight }) => `${label} ${weight}%`).join(", ");
  return (
    <div className={large ? "split split-large" : "split"} role="img" aria-label={`Traffic split: ${said}`}>
      <div className="split-bar">
        {targets.map(({ id, weight }, index) => (
          <span key={id} className={`series-${index % 6}`} style={{ width: `${(weight / total) * 100}%` }} />
        ))}
      </div>
      <div className="split-names">
        {targets.map(({ id, label, weight }, index) => (
          <span key={id}>
            <span className={`swatch series-${index % 6}`} /> {label} <b>{weight}%</b>
          </span>
        ))}
      </div>
    </div>
  );
}
