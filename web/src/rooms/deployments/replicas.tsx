// The engines behind a deployment: how many each target may have, and what those that run say of themselves.
import type { DeploymentTarget } from "../../api/types";
import { Card, StateBadge } from "../../kit/basics";
import { count } from "../../kit/format";
import { Empty } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { replicaRange } from "./replica_range";
import { ROUNDINGS } from "./rounding";

type Replica = DeploymentTarget["replicas"][number];

interface Row extends Replica {
  target: DeploymentTarget;
}

const COLUMNS: Array<Column<Row>> = [
  { title: "Target", cell: ({ target }) => <b>{target.label}</b> },
  { title: "Address", cell: ({ address }) => (address ? <code>{address}</code> : "–") },
  {
    title: "State",
    cell: ({ target, state, reason, version_id: version, quantize }) => (
      <>
        <StateBadge state={state} />
        {version !== target.version_id && <span className="muted small"> earlier version, ends</span>}
        {version === target.version_id && quantize !== target.quantize && (
          <span className="muted small"> weights {ROUNDINGS[quantize]}, ends</span>
        )}
        {reason && <p className="muted small">{reason}</p>}
      </>
    ),
  },
  { title: "Answering", align: "right", cell: ({ running }) => count(running) },
  { title: "Waiting", align: "right", cell: ({ waiting }) => count(waiting) },
  { title: "Process", align: "right", cell: ({ pid }) => pid || "–" },
  { title: "Restarts", align: "right", cell: ({ restarts }) => count(restarts) },
];

export function Replicas({ targets }: { targets: DeploymentTarget[] }) {
  const rows = targets.flatMap((target) => target.replicas.map((replica): Row => ({ target, ...replica })));
  const ranges = targets.map((target) => `${target.label} ${replicaRange(target)}`).join(", ");
  return (
    <Card title="Replicas" actions={<span className="muted small">{ranges}</span>} flush>
      {rows.length === 0 ? (
        <Empty title="No replica is running">
          {targets.every(({ replicas_min: min }) => min === 0) && "The next call starts one."}
        </Empty>
      ) : (
        <Table
          caption="Replicas"
          columns={COLUMNS}
          items={rows}
          idOf={({ target, address, pid }) => `${target.id} ${address} ${pid}`}
        />
      )}
    </Card>
  );
}
