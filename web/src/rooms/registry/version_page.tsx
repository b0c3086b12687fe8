// One version of a model: where it comes from, what it scores, and its files.
import { useState } from "react";
import { call } from "../../api/client";
import { useMay } from "../../api/me";
import type { ModelVersion } from "../../api/types";
import { useQuery } from "../../api/use_query";
import { Badge, Button, Card, Facts, StateBadge, Time } from "../../kit/basics";
import { Confirm, Copy, notify } from "../../kit/dialog";
import { bytes, count, shortId, significant, words } from "../../kit/format";
import { Page } from "../../kit/page";
import { Link, path } from "../../kit/router";
import { Empty, Loaded } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import "./registry.css";

type File = ModelVersion["objects"][number];

const FILES: Array<Column<File>> = [
  { title: "File", cell: (file) => <b>{file.path}</b> },
  { title: "Size", align: "right", cell: (file) => bytes(file.bytes) },
  { title: "Object", cell: (file) => <Copy text={file.object}>{shortId(file.object)}</Copy> },
];

function VersionBody({ version }: { version: ModelVersion }) {
  const scores = Object.entries(version.scores);
  const walk = (id: string) => <Link to={path`/lineage/${`model_version:${id}`}`}>Walk from here</Link>;
  return (
    <>
      <Card>
        <Facts
          facts={[
            ["Kind", version.kind],
            ["Parameters", count(version.parameters)],
            ["Size", bytes(version.objects.reduce((sum, file) => sum + file.bytes, 0))],
            [
              "Run",
              version.run_id ? (
                <Link to={path`/runs/${version.run_id}`}>{shortId(version.run_id)}</Link>
              ) : (
                "imported"
              ),
            ],
            [
              "Adapts",
              version.base_version_id ? (
                <Link to={path`/lineage/${`model_version:${version.base_version_id}`}`}>
                  {shortId(version.base_version_id)}
                </Link>
              ) : undefined,
            ],
            ["Version id", <Copy text={version.id}>{shortId(version.id)}</Copy>],
            ["Created", <Time at={version.created_at} />],
            ["Lineage", walk(version.id)],
          ]}
        />
      </Card>
      <div className="columns">
        <Card title="Scores">
          {scores.length > 0 ? (
            <Facts facts={scores.map(([name, value]) => [words(name), significant(value)])} />
          ) : (
            <Empty title="Not scored yet">An evaluation of this version gives it scores.</Empty>
          )}
        </Card>
        <Card title="Files" flush>
          {version.objects.length > 0 ? (
            <Table caption="Files" columns={FILES} items={version.objects} idOf={(file) => file.path} />
          ) : (
            <Empty title="No files" />
          )}
        </Card>
      </div>
    </>
  );
}

// A person's word on a version: approved, or rejected.
function Judge({ version, done }: { version: ModelVersion; done: () => void }) {
  const may = useMay("models.write");
  const [asked, setAsked] = useState<"approved" | "rejected" | null>(null);
  const why = (status: string): string | undefined => {
    if (!may) return "Your role may not change models";
    return version.status === status ? `It is ${status} already` : undefined;
  };
  const judge = async (): Promise<void> => {
    const path = { name: version.model, number: String(version.number) };
    await call("PATCH /api/v1/models/{name}/versions/{number}", { path, body: { status: asked! } });
    notify(`${version.model} v${version.number} is ${asked}`);
    done();
  };
  return (
    <>
      <Button onClick={() => setAsked("rejected")} why={why("rejected")}>
        Reject
      </Button>
      <Button onClick={() => setAsked("approved")} why={why("approved")}>
        Approve
      </Button>
      {asked && (
        <Confirm
          title={`${version.model} v${version.number}`}
          act={asked === "approved" ? "Approve" : "Reject"}
          danger={asked === "rejected"}
          run={judge}
          close={() => setAsked(null)}
        >
          <p>The version is marked as {asked}. What serves it now goes on.</p>
        </Confirm>
      )}
    </>
  );
}

export function VersionPage({ params }: { params: Record<string, string> }) {
  const { name, number } = params as { name: string; number: string };
  const version = useQuery("GET /api/v1/models/{name}/versions/{number}", { path: { name, number } });
  return (
    <Page
      title={`${name} v${number}`}
      above={[
        ["Models", "/models"],
        [name, path`/models/${name}`],
      ]}
      actions={version.data && <Judge version={version.data} done={version.reload} />}
      badge={
        version.data && (
          <>
            <StateBadge state={version.data.status} />
            <Badge>{version.data.kind}</Badge>
          </>
        )
      }
    >
      <Loaded query={version}>{(data) => <VersionBody version={data} />}</Loaded>
    </Page>
  );
}
