// What stands in the side bar, in which order, behind which permission, and the keys that go there.

export interface Place {
  title: string;
  to: string;
  key: string; // After "g".
  permission: string;
  also?: string[]; // Other addresses that belong to it.
}

export interface Group {
  title: string;
  places: Place[];
}

export const GROUPS: Group[] = [
  {
    title: "",
    places: [{ title: "Loop", to: "/", key: "l", permission: "loop.read" }],
  },
  {
    title: "Build",
    places: [
      {
        title: "Datasets",
        to: "/datasets",
        key: "d",
        permission: "datasets.read",
        also: ["/dataset-commits", "/tokenizers"],
      },
      { title: "Runs", to: "/runs", key: "r", permission: "runs.read", also: ["/jobs"] },
      { title: "Evaluations", to: "/evaluations", key: "e", permission: "evaluations.read" },
      { title: "Models", to: "/models", key: "m", permission: "models.read" },
    ],
  },
  {
    title: "Run",
    places: [
      { title: "Deployments", to: "/deployments", key: "p", permission: "deployments.read" },
      { title: "Traces", to: "/traces", key: "t", permission: "traces.read" },
      { title: "Prompts", to: "/prompts", key: "o", permission: "prompts.read" },
      { title: "Lineage", to: "/lineage", key: "i", permission: "lineage.read" },
      { title: "Spend", to: "/spend", key: "s", permission: "spend.read" },
    ],
  },
  {
    title: "Admin",
    places: [
      { title: "Keys", to: "/keys", key: "k", permission: "keys.admin" },
      { title: "Audit", to: "/audit", key: "a", permission: "audit.read" },
    ],
  },
];

// True when `path` is the place, or something below it.
export function isAt(place: Place, path: string): boolean {
  if (place.to === "/") return path === "/";
  return [place.to, ...(place.also ?? [])].some((to) => path === to || path.startsWith(`${to}/`));
}
