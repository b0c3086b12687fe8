// How traffic is split, as one bar.
import type { DeploymentTarget } from "../../api/types";
import { sharesOf } from "./shares";
import "./deployments.css";

export function SplitBar({ targets, large }: { targets: DeploymentTarget[]; large?: boolean }) {
  const shares = sharesOf(targets.map(({ weight }) => weight));
  const said = targets.map(({ label }, index) => `${label} ${shares[index]}%`).join(", ");
  return (
    <div className={large ? "split split-large" : "split"} role="img" aria-label={`Traffic split: ${said}`}>
      <div className="split-bar">
        {targets.map(({ id }, index) => (
          <span key={id} className={`series-${index % 6}`} style={{ width: `${shares[index]}%` }} />
        ))}
      </div>
      <div className="split-names">
        {targets.map(({ id, label }, index) => (
          <span key={id}>
            <span className={`swatch series-${index % 6}`} /> {label} <b>{shares[index]}%</b>
          </span>
        ))}
      </div>
    </div>
  );
}
