// Light, dark, or as the system says. The choice is kept in localStorage; public/theme.js puts it on early.
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const STORED = "capstan.theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const listeners = new Set<() => void>();

function current(): Theme {
  const theme = document.documentElement.dataset.theme;
  return theme === "light" || theme === "dark" ? theme : "system";
}

export function setTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, theme);
  } catch {
    // The theme then holds until the page is left.
  }
  for (const listener of listeners) listener();
}

export function nextTheme(): void {
  setTheme(NEXT[current()]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}
