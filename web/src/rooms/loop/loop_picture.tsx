// The loop, drawn: nine stages round a track, read left to right and then back, and the way from the end to the
// start. On narrow screens the track is a column.
import type { Loop, LoopStage } from "../../api/types";
import { Progress, StateBadge, Time } from "../../kit/basics";
import { compact, money, percent, significant } from "../../kit/format";
import { Link, path } from "../../kit/router";

const NUMBERS_MAX = 3;

function StageNumber({ value, unit }: { value: number; unit: string }) {
  if (unit === "$" || unit === "usd") return <dd>{money(value)}</dd>;
  return (
    <dd>
      {Math.abs(value) >= 100_000 ? compact(value) : significant(value, 4)}
      {unit && <small> {unit}</small>}
    </dd>
  );
}

export function LoopPicture({ loop }: { loop: Loop }) {
  return (
    <ol className="track" aria-label="Stages of the loop">
      {loop.stages.map((stage, index) => (
        <Stage key={stage.id} stage={stage} number={index + 1} flows={flows(stage, loop.stages[index + 1])} />
      ))}
      <li className="stage-return" data-area="return">
        <p className="stage-return-title">feedback → sample → label</p>
        <p>
          {loop.lineage_example ? (
            <Link to={path`/lineage/${`response:${loop.lineage_example}`}`}>Walk back from an answer</Link>
          ) : (
            <span className="muted">Every answer can be walked back to its sources.</span>
          )}
        </p>
      </li>
    </ol>
  );
}

// The arrow after a stage moves while the next one works on what came out of it.
function flows(stage: LoopStage, next: LoopStage | undefined): "still" | "done" | "moving" {
  if (next?.state === "running") return "moving";
  return stage.state === "succeeded" && next?.state === "succeeded" ? "done" : "still";
}

function Stage({ stage, number, flows: flow }: { stage: LoopStage; number: number; flows: string }) {
  const title = `${number}. ${stage.title}`;
  return (
    <li className="stage" data-area={stage.id} data-state={stage.state} data-flow={flow}>
      <div className="stage-head">
        <h2>
          <span className="stage-number" aria-hidden="true">
            {number}
          </span>
          {stage.link ? (
            <Link to={stage.link} className="stage-link">
              {stage.title}
            </Link>
          ) : (
            stage.title
          )}
        </h2>
        {stage.state !== "empty" && (
          <StateBadge state={stage.state} word={stage.state === "succeeded" ? "done" : stage.state} />
        )}
      </div>
      <p className="stage-detail">{stage.detail || (stage.state === "empty" ? "Not yet" : "")}</p>
      {stage.state === "running" && (
        <div className="stage-progress">
          <Progress value={stage.progress} label={`${title} progress`} />
          {stage.progress !== null && <span>{percent(stage.progress)}</span>}
        </div>
      )}
      {stage.numbers.length > 0 && (
        <dl className="stage-numbers">
          {stage.numbers.slice(0, NUMBERS_MAX).map(({ name, value, unit }) => (
            <div key={name}>
              <StageNumber value={value} unit={unit} />
              <dt>{name}</dt>
            </div>
          ))}
        </dl>
      )}
      {stage.updated_at && (
        <p className="stage-time">
          <Time at={stage.updated_at} />
        </p>
      )}
    </li>
  );
}
