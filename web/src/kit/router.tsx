// Addresses of the page: history, links and patterns. A page is `/runs/:id`; what stands there is a component.
import { type AnchorHTMLAttributes, type ComponentType, type MouseEvent, useSyncExternalStore } from "react";

export interface Route {
  pattern: string;
  page: ComponentType<{ params: Record<string, string> }>;
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function navigate(to: string, { replace = false } = {}): void {
  if (to !== window.location.pathname + window.location.search) {
    window.history[replace ? "replaceState" : "pushState"](null, "", to);
    for (const listener of listeners) listener();
  }
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

// The words after "?", and a function that changes some of them in place; an empty word goes.
export function useSearch(): [URLSearchParams, (changes: Record<string, string>) => void] {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  const change = (changes: Record<string, string>): void => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    const tail = next.toString();
    navigate(window.location.pathname + (tail ? `?${tail}` : ""), { replace: true });
  };
  return [new URLSearchParams(search), change];
}

// The parameters when `path` fits `pattern`, decoded; else null.
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const word = given[index]!;
    if (!part.startsWith(":")) {
      if (part !== word) return null;
      continue;
    }
    try {
      params[part.slice(1)] = decodeURIComponent(word);
    } catch {
      return null;
    }
  }
  return params;
}

// path`/runs/${id}`: an address with its values escaped.
export function path(parts: TemplateStringsArray, ...values: Array<string | number>): string {
  return parts.reduce((made, part, i) => made + encodeURIComponent(String(values[i - 1])) + part);
}

// True for an address within the page; anything else that a server sends is not followed.
export function isOurs(to: string): boolean {
  return /^\/(?![/\\])/.test(to);
}

export function Link({
  to,
  ...rest
}: { to: string } & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href">) {
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    rest.onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return <a {...rest} href={isOurs(to) ? to : undefined} onClick={follow} />;
}
