// Where to begin a walk: at an answer, or at any node by its id.
import { type FormEvent, useState } from "react";
import { useQuery } from "../../api/use_query";
import { Button, Card } from "../../kit/basics";
import { Page } from "../../kit/page";
import { Link, navigate, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { KINDS } from "./kinds";
import "./lineage.css";

// A bare response id is a node too.
export function nodeOf(typed: string): string {
  const id = typed.trim();
  return id.includes(":") ? id : `response:${id}`;
}

export function StartPage() {
  const loop = useQuery("GET /api/v1/loop", {});
  const [typed, setTyped] = useState("");
  const go = (event: FormEvent): void => {
    event.preventDefault();
    if (typed.trim()) navigate(path`/lineage/${nodeOf(typed)}`);
  };
  return (
    <Page
      title="Lineage"
      lead="From any answer back to its model, run, data and sources; from any source forward to the answers."
    >
      <Card title="Begin at a node">
        <form className="row" onSubmit={go}>
          <input
            className="lineage-field"
            aria-label="Node"
            placeholder="chatcmpl-…, or kind:id"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <Button type="submit" look="primary">
            Show
          </Button>
        </form>
        <p className="muted small lineage-kinds">
          Kinds:{" "}
          {Object.keys(KINDS).map((kind) => (
            <code key={kind}>{kind} </code>
          ))}
        </p>
      </Card>
      <Card title="Begin at an answer">
        <Loaded
          query={loop}
          lines={2}
          isEmpty={({ lineage_example: example }) => example === null}
          empty={
            <Empty title="No answers yet">Once a model has answered, its answers can be walked back.</Empty>
          }
        >
          {({ lineage_example: example }) => (
            <p>
              <Link to={path`/lineage/${`response:${example}`}`}>
                <code>{example}</code>
              </Link>{" "}
              <span className="muted">is the latest. Every trace has the same link.</span>
            </p>
          )}
        </Loaded>
      </Card>
    </Page>
  );
}
