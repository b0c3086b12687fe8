// Signing in: a key, checked by asking who it belongs to.
import { type FormEvent, useRef, useState } from "react";
import { type ApiError, call, unreachable } from "../../api/client";
import { session } from "../../api/session";
import { Button } from "../../kit/basics";
import { Mark } from "../../kit/mark";
import "./security.css";

// Begins a session only once the server has accepted the key.
async function signIn(key: string): Promise<void> {
  await call("GET /api/v1/me", {}, { key });
  session.begin(key);
}

function sayRefusal(error: ApiError): string {
  return error.code === "unauthorized"
    ? "The server does not know this key. It may be mistyped or revoked."
    : error.message;
}

export function LoginPage() {
  const [key, setKey] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(session.endedBecause());
  const field = useRef<HTMLInputElement>(null);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const given = key.trim();
    if (busy) return;
    if (!given) {
      setError("Paste a key first.");
      field.current?.focus();
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await signIn(given);
    } catch (fault) {
      setError(sayRefusal(unreachable(fault)));
      setBusy(false);
      field.current?.focus();
    }
  };
  return (
    <main className="login">
      <form className="login-box" onSubmit={(event) => void submit(event)} aria-labelledby="login-title">
        <Mark size={44} />
        <div className="stack-tight">
          <h1 id="login-title">Sign in to Capstan</h1>
          <p className="muted">One system for the whole life of a language model.</p>
        </div>
        <div className="field">
          <label htmlFor="login-key">Key</label>
          <div className="login-field">
            <input
              id="login-key"
              ref={field}
              type={shown ? "text" : "password"}
              value={key}
              onChange={(event) => setKey(event.target.value)}
              placeholder="cap_…"
              autoComplete="current-password"
              autoCapitalize="off"
              spellCheck={false}
              autoFocus
              aria-invalid={error !== null}
              aria-describedby={error ? "login-error" : "login-help"}
            />
            <Button look="quiet" onClick={() => setShown(!shown)} aria-pressed={shown}>
              {shown ? "Hide" : "Show"}
            </Button>
          </div>
          {error && (
            <p id="login-error" role="alert" className="form-error">
              {error}
            </p>
          )}
        </div>
        <Button type="submit" look="primary" aria-busy={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </Button>
        <p id="login-help" className="small muted">
          The first start of <code>capstan serve</code> or <code>capstan quickstart</code> prints an
          administrator's key, once, in its terminal. An administrator makes further keys under Keys. The key
          stays in this tab.
        </p>
      </form>
    </main>
  );
}
