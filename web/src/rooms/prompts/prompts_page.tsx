// All prompts with their versions; each version's text can be opened.
import { textOf } from "../../api/messages";
import type { Prompt, PromptVersion } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Badge, Button, Card, Time } from "../../kit/basics";
import { Page } from "../../kit/page";
import { Empty, Loaded } from "../../kit/states";
import "./prompts.css";

const EVERY_MS = 10_000;

function Template({ template }: { template: PromptVersion["template"] }) {
  if (typeof template === "string") return <pre className="code">{template}</pre>;
  return (
    <div className="stack-tight">
      {template.map(({ role, content }, index) => (
        <div key={index}>
          <p className="small muted">{role}</p>
          <pre className="code">{textOf(content)}</pre>
        </div>
      ))}
    </div>
  );
}

function PromptCard({ prompt }: { prompt: Prompt }) {
  const versions = [...prompt.versions].sort((a, b) => b.number - a.number);
  return (
    <Card title={prompt.name} actions={<span className="muted small">{versions.length} versions</span>}>
      <ul className="prompt-versions">
        {versions.map((version, index) => (
          <li key={version.number}>
            <details open={index === 0}>
              <summary>
                v{version.number}{" "}
                {version.labels.map((label) => (
                  <Badge key={label} tone="accent">
                    {label}
                  </Badge>
                ))}{" "}
                <span className="muted small">
                  <Time at={version.created_at} /> {version.message}
                </span>
              </summary>
              <Template template={version.template} />
            </details>
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function PromptsPage() {
  const prompts = usePages("GET /api/v1/prompts", {}, { everyMs: EVERY_MS });
  return (
    <Page title="Prompts" lead="Templates as versions; a label, such as production, names the one in use.">
      <Loaded
        query={prompts}
        isEmpty={(items) => items.length === 0}
        empty={
          <Card>
            <Empty title="No prompts yet">
              <code>POST /api/v1/prompts</code> keeps the first.
            </Empty>
          </Card>
        }
      >
        {(items) => (
          <div className="columns">
            {items.map((prompt) => (
              <PromptCard key={prompt.name} prompt={prompt} />
            ))}
          </div>
        )}
      </Loaded>
      {prompts.more && (
        <div className="row center">
          <Button onClick={prompts.more}>Show more</Button>
        </div>
      )}
    </Page>
  );
}
