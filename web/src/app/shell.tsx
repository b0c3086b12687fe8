// What stands around every page: the side bar, who is signed in, the theme, the keys and their help.
import { type ReactNode, useEffect, useState } from "react";
import { useMe } from "../api/me";
import { session } from "../api/session";
import { Button, Keys } from "../kit/basics";
import { Dialog } from "../kit/dialog";
import { Mark } from "../kit/mark";
import { Link, navigate, usePath } from "../kit/router";
import { type Shortcut, useShortcuts } from "../kit/shortcuts";
import { nextTheme, useTheme } from "../kit/theme";
import { ICONS } from "./icons";
import { GROUPS, type Group, isAt } from "./navigation";
import "./shell.css";

// The groups with the places that this key may see.
function useGroups(): Group[] {
  const { permissions } = useMe();
  return GROUPS.map((group) => ({
    ...group,
    places: group.places.filter((place) => permissions.includes(place.permission)),
  })).filter((group) => group.places.length > 0);
}

export function Shell({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const [helping, setHelping] = useState(false);
  const groups = useGroups();
  const path = usePath();
  useEffect(() => setOpen(false), [path]);
  const shortcuts: Shortcut[] = [
    { keys: "?", does: "This help", run: () => setHelping(true) },
    { keys: "T", does: "Theme: system, light, dark", run: nextTheme },
    ...groups.flatMap((group) =>
      group.places.map(({ title, to, key }) => ({ keys: `g ${key}`, does: title, run: () => navigate(to) })),
    ),
  ];
  useShortcuts(shortcuts);
  return (
    <div className={open ? "shell shell-open" : "shell"}>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="top">
        <button
          type="button"
          className="menu"
          aria-expanded={open}
          aria-controls="side"
          onClick={() => setOpen(!open)}
        >
          <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
            <path d="M2 4h12M2 8h12M2 12h12" />
          </svg>
          <span className="visually-hidden">Menu</span>
        </button>
        <Link to="/" className="brand">
          <Mark /> Capstan
        </Link>
      </header>
      <SideBar groups={groups} path={path} help={() => setHelping(true)} />
      {open && (
        <button type="button" className="veil" aria-label="Close the menu" onClick={() => setOpen(false)} />
      )}
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      {helping && <Help shortcuts={shortcuts} close={() => setHelping(false)} />}
    </div>
  );
}

function SideBar({ groups, path, help }: { groups: Group[]; path: string; help: () => void }) {
  const me = useMe();
  const theme = useTheme();
  return (
    <aside className="side" id="side" aria-label="Side bar">
      <Link to="/" className="brand brand-side">
        <Mark /> Capstan
      </Link>
      <nav aria-label="Main">
        {groups.map((group) => (
          <div key={group.title} className="side-group">
            {group.title && <p className="side-title">{group.title}</p>}
            <ul>
              {group.places.map((place) => (
                <li key={place.to}>
                  <Link
                    to={place.to}
                    aria-current={isAt(place, path) ? "page" : undefined}
                    title={`g ${place.key}`}
                  >
                    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                      <path d={ICONS[place.to]?.join("")} />
                    </svg>
                    {place.title}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div className="side-foot">
        <div className="side-me">
          <b className="cut">{me.principal.name}</b>
          <span className="cut">
            {me.project.name} · {me.role}
          </span>
        </div>
        <div className="row side-tools">
          <Button
            look="quiet"
            onClick={nextTheme}
            aria-label={`Theme: ${theme}. Change it`}
            title="Theme (Shift T)"
          >
            <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">
              <circle cx="8" cy="8" r="5.500" />
              <path
                d={theme === "light" ? "M8 5.500v5M5.500 8h5" : "M8 2.500a5.500 5.500 0 0 0 0 11z"}
                className={theme === "light" ? "" : "full"}
              />
            </svg>
            <span className="side-theme">{theme}</span>
          </Button>
          <Button look="quiet" onClick={help} aria-label="Keyboard help" title="Keyboard help (?)">
            ?
          </Button>
          <Button look="quiet" className="push" onClick={() => session.end()}>
            Sign out
          </Button>
        </div>
      </div>
    </aside>
  );
}

const ON_LISTS: Array<[keys: string, does: string]> = [
  ["j", "Next row"],
  ["k", "Previous row"],
  ["Enter", "Open the row"],
  ["/", "Search, where there is one"],
];

function HelpPart({ title, list }: { title: string; list: Array<[keys: string, does: string]> }) {
  return (
    <>
      <h3>{title}</h3>
      <dl className="help">
        {list.map(([keys, does]) => (
          <div key={keys} className="help-row">
            <dt>{does}</dt>
            <dd>
              <Keys keys={keys} />
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Help({ shortcuts, close }: { shortcuts: Shortcut[]; close: () => void }) {
  const rows = (wanted: (keys: string) => boolean): Array<[string, string]> =>
    shortcuts.filter(({ keys }) => wanted(keys)).map(({ keys, does }) => [keys, does]);
  return (
    <Dialog title="Keyboard" close={close}>
      <HelpPart title="Go to" list={rows((keys) => keys.startsWith("g "))} />
      <HelpPart title="In lists" list={ON_LISTS} />
      <HelpPart title="Anywhere" list={rows((keys) => !keys.startsWith("g "))} />
      <div className="row dialog-actions">
        <Button onClick={close}>Close</Button>
      </div>
    </Dialog>
  );
}
