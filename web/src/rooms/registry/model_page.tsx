// One model: its versions side by side, and which of them its aliases name.
import { useState } from "react";
import { call } from "../../api/client";
import { useMay } from "../../api/me";
import type { Model, ModelVersion } from "../../api/types";
import { usePages, useQuery } from "../../api/use_query";
import { Badge, Button, Card, StateBadge, Time } from "../../kit/basics";
import { Confirm, notify } from "../../kit/dialog";
import { compact } from "../../kit/format";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, ListTable } from "../../kit/table";
import { Scores } from "./scores";
import "./registry.css";

const EVERY_MS = 10_000;

function columnsOf(model: Model): Array<Column<ModelVersion>> {
  const aliases = Object.entries(model.aliases);
  return [
    { title: "Version", cell: (version) => `v${version.number}` },
    {
      title: "Aliases",
      cell: (version) => (
        <span className="row row-tight">
          {aliases
            .filter(([, number]) => number === version.number)
            .map(([alias]) => (
              <Badge key={alias} tone="accent">
                {alias}
              </Badge>
            ))}
        </span>
      ),
    },
    { title: "Status", cell: (version) => <StateBadge state={version.status} /> },
    { title: "Kind", hideBelow: "small", cell: (version) => version.kind },
    { title: "Scores", cell: (version) => <Scores scores={version.scores} /> },
    {
      title: "Parameters",
      align: "right",
      hideBelow: "medium",
      cell: (version) => compact(version.parameters),
    },
    {
      title: "Lineage",
      hideBelow: "small",
      cell: (version) => <Link to={path`/lineage/${`model_version:${version.id}`}`}>Walk</Link>,
    },
    {
      title: "Created",
      align: "right",
      hideBelow: "small",
      cell: (version) => <Time at={version.created_at} />,
    },
  ];
}

function SetAlias({ model, versions, done }: { model: Model; versions: ModelVersion[]; done: () => void }) {
  const may = useMay("models.write");
  const [asking, setAsking] = useState(false);
  const [alias, setAlias] = useState("champion");
  const [number, setNumber] = useState(model.latest_version?.number ?? 1);
  const set = async (): Promise<void> => {
    const input = { path: { name: model.name, alias: alias.trim() }, body: { number } };
    await call("PUT /api/v1/models/{name}/aliases/{alias}", input);
    notify(`${alias} now names version ${number}`);
    done();
  };
  return (
    <>
      <Button onClick={() => setAsking(true)} why={may ? undefined : "Your role may not change models"}>
        Set alias
      </Button>
      {asking && (
        <Confirm
          title={`Alias of ${model.name}`}
          act="Set the alias"
          run={set}
          close={() => setAsking(false)}
        >
          <p className="muted">Whoever asks for the alias gets the version that it names, from now on.</p>
          <label className="field">
            Alias
            <input
              value={alias}
              onChange={(event) => setAlias(event.target.value)}
              required
              pattern="[A-Za-z0-9_.\-]+"
              list="aliases"
            />
            <datalist id="aliases">
              {Object.keys(model.aliases).map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
          </label>
          <label className="field">
            Version
            <select value={number} onChange={(event) => setNumber(Number(event.target.value))}>
              {versions.map((version) => (
                <option key={version.id} value={version.number}>
                  v{version.number} · {version.kind} · {version.status}
                </option>
              ))}
            </select>
          </label>
        </Confirm>
      )}
    </>
  );
}

export function ModelPage({ params }: { params: Record<string, string> }) {
  const name = params.name!;
  const model = useQuery("GET /api/v1/models/{name}", { path: { name } }, { everyMs: EVERY_MS });
  const versions = usePages("GET /api/v1/models/{name}/versions", { path: { name } }, { everyMs: EVERY_MS });
  return (
    <Page
      title={name}
      above={[["Models", "/models"]]}
      lead={model.data?.description}
      actions={
        model.data &&
        versions.data &&
        versions.data.length > 0 && (
          <SetAlias model={model.data} versions={versions.data} done={model.reload} />
        )
      }
    >
      <Loaded query={model}>
        {(data) => (
          <Card flush>
            <ListTable
              caption={`Versions of ${name}`}
              columns={columnsOf(data)}
              pages={versions}
              idOf={(version) => version.id}
              linkOf={(version) => path`/models/${name}/versions/${version.number}`}
              empty={<Empty title="No versions yet">A version is registered from a run.</Empty>}
            />
          </Card>
        )}
      </Loaded>
    </Page>
  );
}
