// The project's keys: making one (shown once), and revoking.
import { useState } from "react";
import { call } from "../../api/client";
import type { Key, KeyCreated, Role } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Button, Card, Time } from "../../kit/basics";
import { Confirm, Copy, Dialog, notify } from "../../kit/dialog";
import { Page } from "../../kit/page";
import { Empty } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";
import "./security.css";

const EVERY_MS = 10_000;
const ROLES: Array<[Role, string]> = [
  ["viewer", "viewer: sees everything, changes nothing"],
  ["editor", "editor: also data, runs, models, prompts; asks models"],
  ["operator", "operator: also deployments, jobs and prices"],
  ["admin", "admin: also keys and audit"],
];

function columnsOf(revoke: (key: Key) => void): Array<Column<Key>> {
  return [
    { title: "Name", cell: (key) => <b>{key.name}</b> },
    { title: "Begins with", hideBelow: "small", cell: (key) => <code>{key.prefix}…</code> },
    { title: "Role", cell: (key) => <Badge>{key.role}</Badge> },
    { title: "Principal", hideBelow: "small", cell: (key) => key.principal },
    { title: "Last used", hideBelow: "small", cell: (key) => <Time at={key.last_used_at} /> },
    { title: "Created", hideBelow: "medium", cell: (key) => <Time at={key.created_at} /> },
    {
      title: "State",
      align: "right",
      cell: (key) =>
        key.revoked_at ? (
          <Badge tone="warn">revoked</Badge>
        ) : (
          <Button onClick={() => revoke(key)} aria-label={`Revoke ${key.name}`}>
            Revoke
          </Button>
        ),
    },
  ];
}

interface NewKeyProps {
  made: (key: KeyCreated) => void;
  close: () => void;
}

function NewKey({ made, close }: NewKeyProps) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const make = async (): Promise<void> => {
    made(await call("POST /api/v1/keys", { body: { name: name.trim(), role } }));
  };
  return (
    <Confirm title="New key" act="Make the key" run={make} close={close}>
      <label className="field">
        Name
        <input
          value={name}
          onChange={(event) => setName(event.target.value)}
          required
          maxLength={100}
          autoFocus
        />
      </label>
      <label className="field">
        Role
        <select value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {ROLES.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      </label>
    </Confirm>
  );
}

export function KeysPage() {
  const keys = usePages("GET /api/v1/keys", {}, { everyMs: EVERY_MS });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<KeyCreated | null>(null);
  const [leaving, setLeaving] = useState<Key | null>(null);
  const revoke = async (): Promise<void> => {
    await call("DELETE /api/v1/keys/{id}", { path: { id: leaving!.id } });
    notify(`${leaving!.name} was revoked`);
    keys.reload();
  };
  return (
    <Page
      title="Keys"
      lead="Each key belongs to one principal in this project, and carries one role."
      actions={
        <Button look="primary" onClick={() => setMaking(true)}>
          New key
        </Button>
      }
    >
      <Card flush>
        <ListTable
          caption="Keys"
          columns={columnsOf(setLeaving)}
          pages={keys}
          idOf={(key) => key.id}
          empty={<Empty title="No keys" />}
        />
      </Card>
      {making && (
        <NewKey
          made={(key) => {
            setMade(key);
            keys.reload();
          }}
          close={() => setMaking(false)}
        />
      )}
      {made && (
        <Dialog title={`The key ${made.name}`} close={() => setMade(null)}>
          <p>This is the only time that it is shown. Keep it where it is safe.</p>
          <div className="key-once">
            <Copy text={made.key} />
          </div>
          <div className="row dialog-actions">
            <Button look="primary" onClick={() => setMade(null)}>
              I have it
            </Button>
          </div>
        </Dialog>
      )}
      {leaving && (
        <Confirm
          title={`Revoke ${leaving.name}?`}
          act="Revoke the key"
          danger
          run={revoke}
          close={() => setLeaving(null)}
        >
          <p>Whoever uses it is refused from the next request on. This cannot be undone.</p>
        </Confirm>
      )}
    </Page>
  );
}
