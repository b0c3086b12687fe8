// The small things of every page: buttons, badges, cards, facts, bars, times.
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { ago, moment, words } from "./format";
import { useNow } from "./use_now";

export type Tone = "plain" | "ok" | "run" | "warn" | "bad" | "accent";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: "plain" | "primary" | "danger" | "quiet";
  why?: string | undefined; // Why it cannot be pressed; then it stays focusable and says so.
}

export function Button({ look = "plain", why, className = "", onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${look} ${className}`}
      aria-disabled={why ? true : undefined}
      title={why ?? rest.title}
      onClick={why ? undefined : onClick}
    />
  );
}

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge tone-${tone}`}>{children}</span>;
}

const TONES: Record<string, Tone> = {
  running: "run",
  leased: "run",
  starting: "run",
  succeeded: "ok",
  ready: "ok",
  ok: "ok",
  approved: "ok",
  passed: "ok",
  failed: "bad",
  error: "bad",
  rejected: "bad",
  lost: "bad",
  unhealthy: "bad",
  queued: "warn",
  degraded: "warn",
  cancelled: "warn",
  candidate: "accent",
};

// A state with its colour and, because colour alone says nothing to some, its word.
export function StateBadge({ state, word = words(state) }: { state: string; word?: string }) {
  return (
    <span className={`badge badge-state tone-${TONES[state] ?? "plain"}`} data-badge={state}>
      <span className="dot" aria-hidden="true" />
      {word}
    </span>
  );
}

interface CardProps {
  title?: ReactNode;
  actions?: ReactNode;
  flush?: boolean; // For tables, which bring their own padding.
  className?: string;
  children: ReactNode;
}

export function Card({ title, actions, flush, className = "", children }: CardProps) {
  return (
    <section className={`card ${flush ? "card-flush" : ""} ${className}`}>
      {(title || actions) && (
        <header className="card-head">
          <h2>{title}</h2>
          {actions && <div className="row">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

// Names and values; a value that is undefined is left out.
export function Facts({ facts }: { facts: Array<[name: string, value: ReactNode]> }) {
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow();
  return (
    <time dateTime={at ?? undefined} title={moment(at)}>
      {ago(at, now)}
    </time>
  );
}

export function Progress({ value, label }: { value: number | null; label: string }) {
  const percent = value === null ? undefined : Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div
      className={`progress ${percent === undefined ? "progress-unknown" : ""}`}
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <span style={percent === undefined ? undefined : { width: `${percent}%` }} />
    </div>
  );
}

// A value as a bar of its share of the greatest, the number beside it.
export function BarCell({
  share,
  children,
  tone = "accent",
}: {
  share: number;
  children: ReactNode;
  tone?: string;
}) {
  return (
    <span className="bar-cell">
      <span className="bar-cell-value">{children}</span>
      <span className="bar-cell-track" aria-hidden="true">
        <span
          className={`fill-${tone}`}
          style={{ width: `${Math.min(1, Math.max(0, share || 0)) * 100}%` }}
        />
      </span>
    </span>
  );
}

export function Keys({ keys }: { keys: string }) {
  return (
    <span className="keys">
      {keys.split(" ").map((key, index) => (
        <kbd key={index}>{key}</kbd>
      ))}
    </span>
  );
}

// A JSON value, readable: facts of one level, deeper ones as text.
export function Json({ value }: { value: unknown }) {
  return (
    <pre className="code" tabIndex={0} role="region" aria-label="JSON">
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
