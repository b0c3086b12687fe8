// All traces: filters in the address, search, and the keyboard.
import { type FormEvent, useRef, useState } from "react";
import type { TraceSummary } from "../../api/types";
import { usePages, useQuery } from "../../api/use_query";
import { Button, Card, StateBadge, Time } from "../../kit/basics";
import { NONE, duration, money, score, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { path, useSearch } from "../../kit/router";
import { useShortcuts } from "../../kit/shortcuts";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";
import "./observability.css";

const EVERY_MS = 5000;
const STATUSES: Array<TraceSummary["status"]> = ["ok", "error", "cancelled"];

function Scores({ scores }: { scores: TraceSummary["scores"] }) {
  const shown = Object.entries(scores);
  if (shown.length === 0) return <>{NONE}</>;
  return (
    <span className="trace-scores">
      {shown.slice(0, 1).map(([name, value]) => (
        <span key={name} className="number">
          <span className="muted small">{words(name)}</span> {score(value)}
        </span>
      ))}
    </span>
  );
}

const COLUMNS: Array<Column<TraceSummary>> = [
  {
    title: "Asked",
    wide: true,
    cell: (trace) => <span className="cut">{trace.input_preview || trace.id}</span>,
  },
  {
    title: "Answered",
    wide: true,
    hideBelow: "medium",
    cell: (trace) => <span className="cut muted">{trace.output_preview}</span>,
  },
  { title: "Status", cell: (trace) => <StateBadge state={trace.status} /> },
  { title: "Target", hideBelow: "small", cell: (trace) => trace.target || trace.model },
  { title: "Scores", hideBelow: "medium", cell: (trace) => <Scores scores={trace.scores} /> },
  { title: "First token", align: "right", hideBelow: "medium", cell: (trace) => duration(trace.ttft_ms) },
  { title: "Took", align: "right", hideBelow: "small", cell: (trace) => duration(trace.duration_ms) },
  { title: "Cost", align: "right", hideBelow: "medium", cell: (trace) => money(trace.cost_usd) },
  { title: "When", align: "right", cell: (trace) => <Time at={trace.started_at} /> },
];

interface SelectProps {
  label: string;
  value: string;
  options: string[];
  choose: (value: string) => void;
}

function Select({ label, value, options, choose }: SelectProps) {
  const all = value && !options.includes(value) ? [value, ...options] : options;
  return (
    <select aria-label={label} value={value} onChange={(event) => choose(event.target.value)}>
      <option value="">{label}: any</option>
      {all.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  );
}

function Filters() {
  const [search, change] = useSearch();
  const [typed, setTyped] = useState(search.get("q") ?? "");
  const field = useRef<HTMLInputElement>(null);
  const deployments = useQuery("GET /api/v1/deployments", {});
  useShortcuts([{ keys: "/", does: "Search", run: () => field.current?.focus() }]);
  const find = (event: FormEvent): void => {
    event.preventDefault();
    change({ q: typed.trim() });
  };
  const given = (name: string): string => search.get(name) ?? "";
  const deployment = deployments.data?.items.find(({ name }) => name === given("deployment"));
  const targets = (deployment ? [deployment] : (deployments.data?.items ?? [])).flatMap((one) => one.targets);
  const filtered = ["q", "deployment", "target", "status"].some(given);
  return (
    <form className="row filters" role="search" aria-label="Traces" onSubmit={find}>
      <input
        ref={field}
        type="search"
        aria-label="Search in questions and answers"
        placeholder="Search in questions and answers   /"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && field.current?.blur()}
      />
      <Button type="submit">Search</Button>
      <Select
        label="Deployment"
        value={given("deployment")}
        options={(deployments.data?.items ?? []).map(({ name }) => name)}
        choose={(value) => change({ deployment: value, target: "" })}
      />
      <Select
        label="Target"
        value={given("target")}
        options={[...new Set(targets.map(({ label }) => label))]}
        choose={(value) => change({ target: value })}
      />
      <Select
        label="Status"
        value={given("status")}
        options={STATUSES}
        choose={(value) => change({ status: value })}
      />
      {filtered && (
        <Button
          look="quiet"
          onClick={() => {
            setTyped("");
            change({ q: "", deployment: "", target: "", status: "" });
          }}
        >
          Clear
        </Button>
      )}
    </form>
  );
}

export function TracesPage() {
  const [search] = useSearch();
  const status = STATUSES.find((one) => one === search.get("status"));
  const asked = Object.fromEntries(
    ["q", "deployment", "target"].flatMap((name) => (search.get(name) ? [[name, search.get(name)]] : [])),
  );
  const query = { ...asked, ...(status ? { status } : {}) };
  const traces = usePages("GET /api/v1/traces", { query }, { everyMs: EVERY_MS });
  const filtered = Object.keys(query).length > 0;
  return (
    <Page title="Traces" lead="Every answer that was given: what was asked, what it took, what it was worth.">
      <Filters />
      <Card flush>
        <ListTable
          caption="Traces"
          columns={COLUMNS}
          pages={traces}
          idOf={(trace) => trace.id}
          linkOf={(trace) => path`/traces/${trace.id}`}
          empty={
            filtered ? (
              <Empty title="No trace fits">Loosen a filter, or clear them all.</Empty>
            ) : (
              <Empty title="No traces yet">
                Every request to <code>/v1/chat/completions</code> leaves one here.
              </Empty>
            )
          }
        />
      </Card>
    </Page>
  );
}
