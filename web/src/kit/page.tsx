// The frame of every page: its title, what stands above it, and its actions.
import { type ReactNode, useEffect, useRef } from "react";
import { Link } from "./router";

interface PageProps {
  title: string;
  above?: Array<[name: string, to: string]>; // The way back: Runs → /runs.
  badge?: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, above, badge, lead, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Capstan`;
  }, [title]);
  // A new page begins at its heading, for those who hear it and for the tab order. Not on the first, where
  // the skip link should come first.
  useEffect(() => {
    if (document.activeElement && document.activeElement !== document.body) heading.current?.focus();
  }, []);
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-title">
          {above && (
            <nav aria-label="Above this page" className="crumbs">
              {above.map(([name, to]) => (
                <Link key={to} to={to}>
                  {name}
                </Link>
              ))}
            </nav>
          )}
          <div className="row">
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
            {badge}
          </div>
          {lead && <div className="lead">{lead}</div>}
        </div>
        {actions && <div className="row page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
