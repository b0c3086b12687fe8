// Tabs as ARIA describes them: arrows move, one tab stop. The open tab is in the address, so a link shows it.
import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";
import { useSearch } from "./router";

export interface Tab {
  id: string;
  title: ReactNode;
  body: () => ReactNode;
}

interface TabsProps {
  label: string;
  tabs: Tab[];
  param?: string; // Its word in the address.
}

export function Tabs({ label, tabs, param = "tab" }: TabsProps) {
  const [search, change] = useSearch();
  const base = useId();
  const list = useRef<HTMLDivElement>(null);
  const open = tabs.find((tab) => tab.id === search.get(param)) ?? tabs[0]!;
  const choose = (tab: Tab): void => change({ [param]: tab === tabs[0] ? "" : tab.id });

  const press = (event: KeyboardEvent): void => {
    const at = tabs.indexOf(open);
    const steps: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: tabs.length - 1,
    };
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = (to + tabs.length) % tabs.length;
    choose(tabs[index]!);
    list.current?.querySelectorAll<HTMLButtonElement>("[role=tab]")[index]?.focus();
  };
  return (
    <div className="tabs">
      <div role="tablist" aria-label={label} className="tab-list" ref={list} onKeyDown={press}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${base}${tab.id}`}
            aria-selected={tab === open}
            aria-controls={`${base}panel`}
            tabIndex={tab === open ? 0 : -1}
            onClick={() => choose(tab)}
          >
            {tab.title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${base}panel`} aria-labelledby={`${base}${open.id}`} className="tab-panel">
        {open.body()}
      </div>
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: Array<[value: string, title: string]>;
  choose: (value: string) => void;
}

// A few options side by side, one of them chosen.
export function Choice({ label, value, options, choose }: ChoiceProps) {
  return (
    <div role="group" aria-label={label} className="choice">
      {options.map(([option, title]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => choose(option)}>
          {title}
        </button>
      ))}
    </div>
  );
}
