// The kinds of node: what they are called, their colour, and where their page is.
import type { LineageKind, LineageNode } from "../../api/types";
import { isOurs, path } from "../../kit/router";

interface Kind {
  name: string;
  series: number; // Which of the drawing colours.
  page?: (id: string) => string;
}

export const KINDS: Record<LineageKind, Kind> = {
  response: { name: "Response", series: 1, page: (id) => path`/traces/${id}` },
  deployment: { name: "Deployment", series: 4, page: (id) => path`/deployments/${id}` },
  model_version: { name: "Model version", series: 0 },
  evaluation: { name: "Evaluation", series: 3, page: (id) => path`/evaluations/${id}` },
  run: { name: "Run", series: 2, page: (id) => path`/runs/${id}` },
  tokenizer: { name: "Tokenizer", series: 5 },
  dataset_commit: { name: "Dataset commit", series: 1, page: (id) => path`/dataset-commits/${id}` },
  record: { name: "Record", series: 5 },
  source: { name: "Source", series: 5 },
};

export function kindOf(node: LineageNode): Kind {
  return KINDS[node.kind] ?? { name: node.kind, series: 5 };
}

// The page of a node: as the server says, else by its kind; null when it has none.
export function pageOf(node: LineageNode): string | null {
  if (node.link && isOurs(node.link)) return node.link;
  return kindOf(node).page?.(node.id.slice(node.id.indexOf(":") + 1)) ?? null;
}
