// A run as it happens: by server-sent events, and by asking again when those do not come.
import { useEffect, useState } from "react";
import { addressOf, type ApiError, call, unreachable } from "../../api/client";
import { readEvents } from "../../api/server_sent_events";
import type { MetricsEvent, RunDetail } from "../../api/types";
import type { Query } from "../../api/use_query";
import { type Point, appendPoints } from "../../kit/downsample";

export type Metrics = ReadonlyMap<string, readonly Point[]>;
export type Source = "events" | "polling" | "ended";

export interface LiveRun extends Query<RunDetail> {
  metrics: Metrics;
  source: Source;
}

const POLL_MS = 2000;
const POINTS_MAX = 2000;
// So often at most is the page drawn anew, however fast the steps come.
const DRAW_MS = 200;
const FINAL = new Set(["succeeded", "failed", "cancelled"]);

export function isFinal(run: Pick<RunDetail, "status">): boolean {
  return FINAL.has(run.status);
}

// Adds points, by metric name. The map is new only when something came.
export function withPoints(metrics: Metrics, fresh: ReadonlyMap<string, readonly Point[]>): Metrics {
  if (fresh.size === 0) return metrics;
  const next = new Map(metrics);
  for (const [name, points] of fresh) next.set(name, appendPoints(next.get(name) ?? [], points));
  return next;
}

async function fetchMetrics(
  id: string,
  have: Metrics,
  signal: AbortSignal,
): Promise<Map<string, readonly Point[]>> {
  const { names } = await call("GET /api/v1/runs/{id}/metrics", { path: { id } }, { signal });
  const series = await Promise.all(
    names.map(async (name) => {
      const last = have.get(name)?.at(-1)?.[0];
      const query = { points_max: POINTS_MAX, ...(last === undefined ? {} : { after_step: last }) };
      const path = { id, name };
      return call("GET /api/v1/runs/{id}/metrics/{name}", { path, query }, { signal });
    }),
  );
  return new Map(
    series.map(({ name, points }) => [name, points.map(([step, value]) => [step, value] as const)]),
  );
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

interface Sink {
  run: (run: RunDetail) => void;
  points: (fresh: ReadonlyMap<string, readonly Point[]>) => void;
  have: () => Metrics;
  source: (source: Source) => void;
  failed: (error: ApiError | undefined) => void;
}

// Follows a run until it ends. Events come while they can; then, and between, it asks.
async function follow(id: string, sink: Sink, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const run = await call("GET /api/v1/runs/{id}", { path: { id } }, { signal });
      sink.points(await fetchMetrics(id, sink.have(), signal));
      sink.run(run);
      sink.failed(undefined);
      if (isFinal(run)) return sink.source("ended");
      await listen(id, sink, signal);
    } catch (fault) {
      if (signal.aborted) return;
      sink.failed(unreachable(fault));
    }
    sink.source("polling");
    await pause(POLL_MS, signal);
  }
}

// The step from which on nothing may be missing: the earliest end of all metrics. Repeats are dropped later.
export function resumeAfter(metrics: Metrics): number | undefined {
  const ends = [...metrics.values()].map((points) => points.at(-1)?.[0] ?? -1);
  return ends.length > 0 ? Math.min(...ends) : undefined;
}

// Reads the stream of a run until it ends. Its progress is not in the stream, and is asked for beside it.
async function listen(id: string, sink: Sink, signal: AbortSignal): Promise<void> {
  const take = ({ event, data }: { event: string; data: string }): void => {
    sink.source("events");
    if (event === "status") sink.run(JSON.parse(data) as RunDetail);
    if (event !== "metrics") return;
    const { step, values } = JSON.parse(data) as MetricsEvent;
    sink.points(new Map(Object.entries(values).map(([name, value]) => [name, [[step, value] as const]])));
  };
  const beside = new AbortController();
  void askProgress(id, sink, AbortSignal.any([signal, beside.signal]));
  const query = { after_step: resumeAfter(sink.have()) };
  try {
    await readEvents(addressOf("GET /api/v1/runs/{id}/events", { id }, query), take, signal);
  } catch {
    // No stream: the caller asks again instead, and tries the stream once more after that.
  }
  beside.abort();
}

async function askProgress(id: string, sink: Sink, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(POLL_MS, signal);
    if (signal.aborted) return;
    try {
      sink.run(await call("GET /api/v1/runs/{id}", { path: { id } }, { signal }));
    } catch {
      // The stream says whether the run can be reached.
    }
  }
}

interface State {
  id: string;
  run?: RunDetail;
  metrics: Metrics;
  source: Source;
  error?: ApiError | undefined;
}

export function useLiveRun(id: string): LiveRun {
  const [state, setState] = useState<State>({ id, metrics: new Map(), source: "polling" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const now: State = { id, metrics: new Map(), source: "polling" };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        setState({ ...now });
      }, DRAW_MS);
    };
    const change = (part: Partial<State>): void => {
      Object.assign(now, part);
      draw();
    };
    const sink: Sink = {
      run: (run) => change({ run: { ...now.run, ...run } }),
      points: (fresh) => change({ metrics: withPoints(now.metrics, fresh) }),
      have: () => now.metrics,
      source: (source) => source !== now.source && change({ source }),
      failed: (error) => error !== now.error && change({ error }),
    };
    void follow(id, sink, stop.signal);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [id, round]);
  const mine = state.id === id ? state : { id, metrics: new Map(), source: "polling" as const };
  const { run, error } = mine as State;
  return {
    data: run,
    error,
    loading: !run && !error,
    reload: () => setRound((value) => value + 1),
    metrics: mine.metrics,
    source: mine.source,
  };
}
