// React's view of the API: a query that is asked, kept, asked again, and says when it failed.
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { type Answer, type ApiError, type Input, type Operation, call, unreachable } from "./client";
import { session } from "./session";

export interface Query<T> {
  data: T | undefined; // The last good answer, also while a later one fails.
  error: ApiError | undefined; // Why the last attempt failed.
  loading: boolean; // True until the first answer or error.
  reload: () => void;
}

interface Options {
  everyMs?: number | undefined; // Asks again this long after each answer, while the page is visible.
  enabled?: boolean | undefined;
}

const KEPT_MAX = 100;
const kept = new Map<string, unknown>();
session.subscribe(() => kept.clear());

function keep(name: string, data: unknown): void {
  kept.delete(name);
  kept.set(name, data);
  const oldest = kept.keys().next().value;
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
}

interface State<T> {
  name: string;
  data: T | undefined;
  error: ApiError | undefined;
}

// Asks `operation`, and again when its input changes. An answer seen before shows at once, then is renewed.
export function useQuery<K extends Operation>(
  operation: K,
  input: Input<K>,
  { everyMs, enabled = true }: Options = {},
): Query<Answer<K>> {
  const name = `${operation} ${JSON.stringify(input)}`;
  const [round, setRound] = useState(0);
  const [state, setState] = useState<State<Answer<K>>>({ name: "", data: undefined, error: undefined });
  const asked = useRef(input);
  asked.current = input;

  useEffect(() => {
    if (!enabled) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (): void => {
      if (everyMs && !stop.signal.aborted) timer = setTimeout(ask, everyMs);
    };
    const ask = async (): Promise<void> => {
      if (document.hidden && kept.has(name)) return again();
      try {
        const data = await call(operation, asked.current, { signal: stop.signal });
        if (stop.signal.aborted) return;
        keep(name, data);
        setState({ name, data, error: undefined });
      } catch (fault) {
        if (stop.signal.aborted) return;
        setState({ name, data: kept.get(name) as Answer<K> | undefined, error: unreachable(fault) });
      }
      again();
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [operation, name, enabled, everyMs, round]);

  const mine = state.name === name;
  const data = mine ? state.data : (kept.get(name) as Answer<K> | undefined);
  const error = mine ? state.error : undefined;
  const reload = useCallback(() => setRound((value) => value + 1), []);
  return { data, error, loading: enabled && data === undefined && error === undefined, reload };
}

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

type ListOperation = { [K in Operation]: Answer<K> extends Page<unknown> ? K : never }[Operation];
type Item<K extends ListOperation> = Answer<K> extends Page<infer T> ? T : never;

export interface Pages<T> extends Query<T[]> {
  more: (() => void) | undefined; // Asks for the next page; absent at the end.
  loadingMore: boolean;
}

// A list with its cursor: the first page is renewed as useQuery does; further pages are added on demand.
export function usePages<K extends ListOperation>(
  operation: K,
  input: Input<K>,
  options: Options = {},
): Pages<Item<K>> {
  const first = useQuery(operation, input, options) as unknown as Query<Page<Item<K>>>;
  const name = JSON.stringify(input);
  const [further, setFurther] = useState<Page<Item<K>> & { name: string }>({
    name: "",
    items: [],
    next_cursor: null,
  });
  const [loadingMore, setLoadingMore] = useState(false);
  const [error, setError] = useState<ApiError>();
  const mine = further.name === name;
  const cursor = mine ? further.next_cursor : (first.data?.next_cursor ?? null);

  const more = async (): Promise<void> => {
    setLoadingMore(true);
    try {
      const asked = { ...input, query: { ...input.query, cursor } } as unknown as Input<K>;
      const page = (await call(operation, asked)) as unknown as Page<Item<K>>;
      setFurther({ ...page, name, items: [...(mine ? further.items : []), ...page.items] });
      setError(undefined);
    } catch (fault) {
      setError(unreachable(fault));
    }
    setLoadingMore(false);
  };
  return {
    ...first,
    data: first.data && withoutRepeats([...first.data.items, ...(mine ? further.items : [])]),
    error: first.error ?? error,
    more: cursor ? () => void more() : undefined,
    loadingMore,
  };
}

// A new first page pushes rows down into pages that are already here; each is shown once.
function withoutRepeats<T>(items: T[]): T[] {
  const seen = new Set<unknown>();
  return items.filter((item) => {
    const { id, name } = item as { id?: string; name?: string };
    const mark = id ?? name ?? item;
    return !seen.has(mark) && seen.add(mark);
  });
}

// The key of this tab, or null when nobody is signed in.
export function useSessionKey(): string | null {
  return useSyncExternalStore(session.subscribe, session.key);
}
