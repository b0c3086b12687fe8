// A table of things: one row each, a link to each, and j, k and Enter to walk it.
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Pages } from "../api/use_query";
import { Button } from "./basics";
import { Link, navigate } from "./router";
import { useShortcuts } from "./shortcuts";
import { Loaded } from "./states";

export interface Column<T> {
  title: string;
  cell: (item: T) => ReactNode;
  align?: "right";
  wide?: boolean; // Takes what room is left, and is cut when there is none.
  hideBelow?: "small" | "medium"; // Left out on narrow screens; the detail page has it.
}

interface TableProps<T> {
  caption: string; // Heard, not seen.
  columns: Array<Column<T>>;
  items: readonly T[];
  idOf: (item: T) => string;
  linkOf?: (item: T) => string; // Makes the first column a link, and the row one target for the mouse.
}

export function Table<T>({ caption, columns, items, idOf, linkOf }: TableProps<T>) {
  const [at, setAt] = useState(-1);
  const body = useRef<HTMLTableSectionElement>(null);
  const move = (to: number): void => setAt(Math.max(0, Math.min(items.length - 1, to)));
  useEffect(() => {
    body.current?.rows[at]?.scrollIntoView({ block: "nearest" });
    body.current?.rows[at]?.querySelector("a")?.focus({ preventScroll: true });
  }, [at]);
  useShortcuts(
    [
      { keys: "j", does: "Next row", run: () => move(at + 1) },
      { keys: "k", does: "Previous row", run: () => move(at < 0 ? 0 : at - 1) },
      {
        keys: "o",
        does: "Open the row",
        run: () => at >= 0 && items[at] && linkOf && navigate(linkOf(items[at])),
      },
    ],
    linkOf !== undefined && items.length > 0,
  );
  const classOf = (column: Column<T>): string =>
    [
      column.align === "right" && "right",
      column.wide && "wide",
      column.hideBelow && `hide-${column.hideBelow}`,
    ]
      .filter(Boolean)
      .join(" ");
  return (
    <div className="table-box" role="region" aria-label={caption} tabIndex={0}>
      <table className={linkOf ? "table table-links" : "table"}>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" className={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {items.map((item, row) => (
            <tr key={idOf(item)} className={row === at ? "at" : undefined} data-id={idOf(item)}>
              {columns.map((column, index) => (
                <td key={column.title} className={classOf(column)}>
                  {index === 0 && linkOf ? (
                    <Link to={linkOf(item)} className="row-link" onFocus={() => setAt(row)}>
                      {column.cell(item)}
                    </Link>
                  ) : (
                    column.cell(item)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface ListProps<T> extends Omit<TableProps<T>, "items"> {
  pages: Pages<T>;
  empty: ReactNode;
}

// A list from the server: waiting, failed, empty, or the table with "more" below it.
export function ListTable<T>({ pages, empty, ...table }: ListProps<T>) {
  return (
    <Loaded query={pages} lines={8} isEmpty={(items) => items.length === 0} empty={empty}>
      {(items) => (
        <>
          <Table {...table} items={items} />
          {pages.more && (
            <div className="more">
              <Button onClick={pages.more} why={pages.loadingMore ? "Loading" : undefined}>
                {pages.loadingMore ? "Loading…" : "Show more"}
              </Button>
            </div>
          )}
        </>
      )}
    </Loaded>
  );
}
