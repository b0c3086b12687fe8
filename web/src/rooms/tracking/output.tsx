// What a job printed, followed while it runs.
import { useEffect, useRef, useState } from "react";
import { type ApiError, call, unreachable } from "../../api/client";
import { useMay } from "../../api/me";
import { Empty, ErrorState, Skeleton } from "../../kit/states";

const EVERY_MS = 2000;
// What is kept on the page; the beginning goes first.
const CHARACTERS_MAX = 200_000;

interface State {
  text: string;
  read: boolean;
  error?: ApiError;
}

export function Output({ jobId, live }: { jobId: string | null; live: boolean }) {
  const may = useMay("jobs.read");
  const [state, setState] = useState<State>({ text: "", read: false });
  const [round, setRound] = useState(0);
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (!jobId || !may) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let offset = 0;
    let text = "";
    const ask = async (): Promise<void> => {
      try {
        const input = { path: { id: jobId }, query: { offset } };
        const fresh = await call("GET /api/v1/jobs/{id}/output", input, { signal: stop.signal });
        const more = fresh.text.length > 0 && fresh.next_offset > offset;
        offset = fresh.next_offset;
        text = (text + fresh.text).slice(-CHARACTERS_MAX);
        setState({ text, read: true });
        if (more || live) timer = setTimeout(() => void ask(), more ? 0 : EVERY_MS);
      } catch (fault) {
        if (!stop.signal.aborted) setState({ text, read: true, error: unreachable(fault) });
      }
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [jobId, live, may, round]);
  useEffect(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [state.text]);

  if (!may) return <Empty title="Not allowed">Your role may not read what jobs print.</Empty>;
  if (!jobId) return <Empty title="No job">This run was recorded from outside.</Empty>;
  if (state.error) return <ErrorState error={state.error} retry={() => setRound((value) => value + 1)} />;
  if (!state.read) return <Skeleton />;
  if (!state.text) return <Empty title="Nothing printed">What the job prints appears here.</Empty>;
  return (
    <pre className="code output" ref={box} tabIndex={0} role="region" aria-label="Output of the job">
      {state.text}
    </pre>
  );
}
