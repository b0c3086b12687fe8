// The curves of a run: losses together and large, the others small.
import { useMemo, useState } from "react";
import type { RunDetail } from "../../api/types";
import { Card } from "../../kit/basics";
import { words } from "../../kit/format";
import { LineChart, type Series } from "../../kit/line_chart";
import { Empty } from "../../kit/states";
import { Choice } from "../../kit/tabs";
import { type Metrics, isFinal } from "./use_live_run";

export interface Panel {
  title: string;
  series: Series[];
}

// Losses share a panel, as they share a scale; every other metric has its own.
export function panelsOf(metrics: Metrics): Panel[] {
  const names = [...metrics.keys()];
  const one = (name: string): Series => ({ name: words(name), points: metrics.get(name)! });
  const losses = names.filter((name) => /(^|_)loss$/.test(name));
  const others = names.filter((name) => !losses.includes(name)).sort();
  return [
    ...(losses.length > 0
      ? [{ title: "Loss", series: losses.sort((a, b) => a.length - b.length).map(one) }]
      : []),
    ...others.map((name) => ({ title: words(name), series: [one(name)] })),
  ];
}

const SMOOTHING: Array<[string, string]> = [
  ["0", "As it is"],
  ["0.8", "Smooth"],
  ["0.95", "Smoother"],
];

export function Charts({ run, metrics }: { run: RunDetail; metrics: Metrics }) {
  const [smoothing, setSmoothing] = useState("0.8");
  const [scale, setScale] = useState("linear");
  const panels = useMemo(() => panelsOf(metrics), [metrics]);
  if (panels.length === 0) {
    return (
      <Empty title={isFinal(run) ? "No metrics" : "No metrics yet"}>
        {isFinal(run) ? "This run recorded none." : "The first step draws the first point."}
      </Empty>
    );
  }
  return (
    <div className="stack">
      <div className="row">
        <Choice label="Smoothing" value={smoothing} options={SMOOTHING} choose={setSmoothing} />
        <Choice
          label="Vertical scale"
          value={scale}
          options={[
            ["linear", "Linear"],
            ["log", "Log"],
          ]}
          choose={setScale}
        />
      </div>
      <div className="charts">
        {panels.map(({ title, series }, index) => (
          <Card key={title} className={index === 0 ? "chart-main" : ""}>
            <LineChart
              title={title}
              series={series}
              smoothing={Number(smoothing)}
              logarithmic={scale === "log"}
              height={index === 0 ? 300 : 180}
            />
          </Card>
        ))}
      </div>
    </div>
  );
}
