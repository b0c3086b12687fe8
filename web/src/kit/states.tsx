// What a view shows when it has nothing, is waiting, or failed. Every view goes through Loaded.
import type { ReactNode } from "react";
import type { ApiError } from "../api/client";
import type { Query } from "../api/use_query";
import { Button } from "./basics";

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state-box" data-state="empty">
      <svg viewBox="0 0 48 48" width="40" height="40" aria-hidden="true" className="state-art">
        <circle cx="24" cy="24" r="9" />
        <path d="M24 6v36M6 24h36M11.300 11.300l25.400 25.400M36.700 11.300L11.300 36.700" />
      </svg>
      <p className="state-title">{title}</p>
      {children && <div className="state-text">{children}</div>}
    </div>
  );
}

const TITLES: Partial<Record<ApiError["code"], string>> = {
  not_found: "Not found",
  denied: "Not allowed",
  unreachable: "The server does not answer",
  unavailable: "Not available at the moment",
};

export function ErrorState({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div className="state-box state-error" role="alert" data-state="error">
      <p className="state-title">{TITLES[error.code] ?? "Something went wrong"}</p>
      <p className="state-text">{error.message}</p>
      {error.requestId && (
        <p className="state-text">
          Request <code>{error.requestId}</code>
        </p>
      )}
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

// Grey lines where content will be; screen readers hear only "Loading".
export function Skeleton({ lines = 6 }: { lines?: number }) {
  return (
    <div className="skeleton" role="status" data-state="loading">
      <span className="visually-hidden">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} aria-hidden="true" className={`skeleton-line skeleton-line-${index % 4}`} />
      ))}
    </div>
  );
}

interface LoadedProps<T> {
  query: Query<T>;
  lines?: number;
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}

// Waiting, failed, empty, or the data. A failure after good data keeps the data, and says that it is old.
export function Loaded<T>({ query, lines, isEmpty, empty, children }: LoadedProps<T>) {
  const { data, error } = query;
  if (data === undefined) {
    return error ? <ErrorState error={error} retry={query.reload} /> : <Skeleton lines={lines} />;
  }
  return (
    <>
      {error && (
        <div className="stale" role="status">
          <span>What you see may be old: {error.message}</span>
          <Button look="quiet" onClick={query.reload}>
            Try again
          </Button>
        </div>
      )}
      {isEmpty?.(data) ? empty : children(data)}
    </>
  );
}
