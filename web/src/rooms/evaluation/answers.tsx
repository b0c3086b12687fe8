// The same question answered by each target, side by side with what was wanted.
import { useState } from "react";
import type { Evaluation } from "../../api/types";
import { Button, Card } from "../../kit/basics";
import { count, readable } from "../../kit/format";

const PAGE = 5;

export function Answers({ evaluation }: { evaluation: Evaluation }) {
  const [shown, setShown] = useState(PAGE);
  const { samples } = evaluation;
  if (samples.length === 0) return null;
  const labels = [...new Set(samples.flatMap(({ answers }) => Object.keys(answers)))];
  return (
    <Card
      title="Answers side by side"
      actions={<span className="muted small">{count(samples.length)} samples</span>}
    >
      <ol className="answers">
        {samples.slice(0, shown).map((sample, index) => (
          <li key={index}>
            <h3>{sample.question}</h3>
            <dl>
              <div className="answer">
                <dt>Wanted</dt>
                <dd>{sample.reference}</dd>
              </div>
              {labels.map((label, series) => (
                <div key={label} className="answer">
                  <dt>
                    <span className={`swatch series-${series % 6}`} aria-hidden="true" /> {label}
                  </dt>
                  <dd>
                    {readable(sample.answers[label] ?? "") || (
                      <span className="muted">
                        {sample.answers[label] ? "nothing but white space" : "no answer"}
                      </span>
                    )}
                  </dd>
                </div>
              ))}
            </dl>
          </li>
        ))}
      </ol>
      {shown < samples.length && (
        <div className="row center">
          <Button onClick={() => setShown(shown + 2 * PAGE)}>Show more</Button>
        </div>
      )}
    </Card>
  );
}
