// Every page of the running server, with something on it that the API says must be there.
import { api } from "./browser.mjs";

const first = async (path) => (await api(path)).items[0];

// [{ name, path, shows }]: `shows` is text that the page must show, taken from the server's own answers.
export async function places() {
  const [dataset, run, model, evaluation, deployment, trace, job] = await Promise.all(
    ["/datasets", "/runs", "/models", "/evaluations", "/deployments", "/traces", "/jobs"].map(first),
  );
  const texts = (await api("/datasets")).items.find(({ kind }) => kind === "text") ?? dataset;
  const trained =
    (await api("/runs?kind=pretrain")).items.find(({ status }) => status === "succeeded") ?? run;
  const version = model.latest_version;
  const loop = await api("/loop");
  const node = encodeURIComponent(`response:${loop.lineage_example ?? trace.id}`);
  const lineage = await api(`/lineage/${node}?direction=both&depth=32`);
  const samples = await api(`/dataset-commits/${dataset.latest_commit.id}/samples?limit=1`);
  const prompts = await api("/prompts");
  const root = lineage.nodes.find(({ id }) => id === lineage.root);
  return [
    { name: "loop", path: "/", shows: loop.stages.map(({ title }) => title) },
    { name: "datasets", path: "/datasets", shows: [dataset.name] },
    { name: "dataset", path: `/datasets/${texts.id}`, shows: [texts.name, "Report"] },
    {
      name: "dataset-commit",
      path: `/dataset-commits/${dataset.latest_commit.id}`,
      shows: [dataset.name],
    },
    {
      name: "samples",
      path: `/datasets/${dataset.id}?tab=samples`,
      shows: [samples.items[0].id],
    },
    { name: "runs", path: "/runs", shows: [run.name] },
    { name: "run", path: `/runs/${trained.id}`, shows: [trained.name, "Loss"] },
    { name: "job", path: `/jobs/${job.id}`, shows: ["Attempt"] },
    { name: "models", path: "/models", shows: [model.name] },
    {
      name: "model",
      path: `/models/${model.name}`,
      shows: [model.name, `v${version.number}`],
    },
    {
      name: "version",
      path: `/models/${model.name}/versions/${version.number}`,
      shows: [version.objects[0].path],
    },
    { name: "evaluations", path: "/evaluations", shows: [evaluation.name] },
    {
      name: "evaluation",
      path: `/evaluations/${evaluation.id}`,
      shows: evaluation.targets.map(({ label }) => label),
    },
    { name: "deployments", path: "/deployments", shows: [deployment.name] },
    {
      name: "deployment",
      path: `/deployments/${deployment.name}`,
      shows: deployment.targets.map(({ label }) => label),
    },
    {
      name: "traces",
      path: "/traces",
      shows: [trace.input_preview.trim().slice(0, 20)],
    },
    {
      name: "trace",
      path: `/traces/${trace.id}`,
      shows: ["Conversation", "Where the time went"],
    },
    { name: "lineage-start", path: "/lineage", shows: ["Begin at a node"] },
    { name: "lineage", path: `/lineage/${node}`, shows: [root.label] },
    {
      name: "lineage-list",
      path: `/lineage/${node}?as=list`,
      shows: lineage.nodes.slice(0, 5).map(({ label }) => label),
    },
    { name: "spend", path: "/spend", shows: ["By deployment", "Prices"] },
    {
      name: "prompts",
      path: "/prompts",
      shows: prompts.items.slice(0, 1).map((prompt) => prompt.name),
    },
    { name: "keys", path: "/keys", shows: [(await first("/keys")).name] },
    { name: "audit", path: "/audit", shows: [(await first("/audit")).action] },
  ];
}
