// The keyboard: single keys ("?", "/", "j") and pairs ("g r"). Never while something is being typed.
import { useEffect, useRef } from "react";

export interface Shortcut {
  keys: string; // One key as KeyboardEvent.key says it, or two with a space between.
  does: string; // For the help.
  run: () => void;
}

const PAIR_MS = 1200;

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

// Finds what a key does, given the key before it if that was the first of a pair. Pure, for tests.
export function findShortcut(
  shortcuts: readonly Shortcut[],
  before: string | null,
  key: string,
): { found: Shortcut | null; waiting: string | null } {
  if (before !== null) {
    const pair = shortcuts.find((shortcut) => shortcut.keys === `${before} ${key}`);
    if (pair) return { found: pair, waiting: null };
  }
  const single = shortcuts.find((shortcut) => shortcut.keys === key);
  if (single) return { found: single, waiting: null };
  const begins = shortcuts.some((shortcut) => shortcut.keys.startsWith(`${key} `));
  return { found: null, waiting: begins ? key : null };
}

export function useShortcuts(shortcuts: readonly Shortcut[], enabled = true): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    if (!enabled) return;
    let waiting: string | null = null;
    let since = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
      const before = event.timeStamp - since < PAIR_MS ? waiting : null;
      const result = findShortcut(latest.current, before, event.key);
      waiting = result.waiting;
      since = event.timeStamp;
      if (!result.found) return;
      event.preventDefault();
      result.found.run();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [enabled]);
}
