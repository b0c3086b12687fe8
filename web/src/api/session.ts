// The key that this tab signed in with. It lives in sessionStorage, so it ends with the tab.

const KEY = "capstan.key";
const listeners = new Set<() => void>();
// Why the last session ended, for the sign-in page to say.
let ended: string | null = null;

function read(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

let current: string | null = read();

function changed(): void {
  for (const listener of listeners) listener();
}

export const session = {
  key: (): string | null => current,
  endedBecause: (): string | null => ended,
  begin(key: string): void {
    current = key;
    ended = null;
    try {
      sessionStorage.setItem(KEY, key);
    } catch {
      // The key then lives as long as the page.
    }
    changed();
  },
  end(reason: string | null = null): void {
    current = null;
    ended = reason;
    try {
      sessionStorage.removeItem(KEY);
    } catch {
      // Nothing was stored.
    }
    changed();
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
