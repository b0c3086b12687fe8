// Questions before something happens, and short news after it.
import {
  type FormEvent,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { type ApiError, unreachable } from "../api/client";
import { Button } from "./basics";

interface DialogProps {
  title: string;
  close: () => void;
  children: ReactNode;
}

// Modal while it is mounted: the browser keeps the focus inside and gives it back; Escape closes.
export function Dialog({ title, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={name}
      onCancel={close}
      onMouseDown={(event) => event.target === dialog.current && close()}
    >
      <div className="dialog-body">
        <h2 id={name}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  act: string; // What the button says: the verb, not "OK".
  danger?: boolean;
  why?: string | undefined; // Why it cannot be done now.
  run: () => Promise<void>; // What happens; a refusal is shown in the dialog, which stays.
  close: () => void;
  children?: ReactNode;
}

export function Confirm({ title, act, danger, why, run, close, children }: ConfirmProps) {
  const [error, setError] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (busy || why) return;
    setBusy(true);
    try {
      await run();
      close();
    } catch (fault) {
      setError(unreachable(fault));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <form onSubmit={(event) => void submit(event)} className="stack">
        {children}
        {error && (
          <p className="form-error" role="alert">
            {error.message}
            {error.requestId && ` (${error.requestId})`}
          </p>
        )}
        <div className="row dialog-actions">
          <Button onClick={close}>Back</Button>
          <Button type="submit" look={danger ? "danger" : "primary"} why={why} aria-busy={busy}>
            {act}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

let news: string | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();
const NEWS_MS = 5000;

function say(text: string | null): void {
  news = text;
  for (const listener of listeners) listener();
}

// Says for a few seconds that something was done.
export function notify(text: string): void {
  clearTimeout(timer);
  say(text);
  timer = setTimeout(() => say(null), NEWS_MS);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function News() {
  const text = useSyncExternalStore(subscribe, () => news);
  return (
    <div className="news" role="status" aria-live="polite">
      {text && <span>{text}</span>}
    </div>
  );
}

// A text with a button that copies it.
export function Copy({ text, children }: { text: string; children?: ReactNode }) {
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      notify("Copied");
    } catch {
      notify("The browser does not allow copying");
    }
  };
  return (
    <span className="copy">
      <code title={text}>{children ?? text}</code>
      <button type="button" aria-label={`Copy ${text}`} onClick={() => void copy()}>
        <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
          <rect x="5.500" y="5.500" width="8" height="8" rx="1.500" />
          <path d="M10.500 3.500v-1h-8v8h1" />
        </svg>
      </button>
    </span>
  );
}
