// What a person may do to a deployment: its traffic, its decision, its replicas, its versions.
import { useState } from "react";
import { ApiError, call } from "../../api/client";
import { useMay } from "../../api/me";
import type { Deployment, Outcome } from "../../api/types";
import { Button } from "../../kit/basics";
import { Confirm, notify } from "../../kit/dialog";
import { words } from "../../kit/format";
import { ChangeVersion, Scale } from "./fleet_actions";
import { WHOLE, challengerOf, sharesOf } from "./shares";

type Decided = Outcome | "decide";
type Asked = "split" | "scale" | "version" | Decided;

const SAYS: Record<Decided, { title: string; act: string; text: string }> = {
  promote: { title: "Promote", act: "Promote", text: "The challenger gets all the traffic." },
  roll_back: { title: "Roll back", act: "Roll back", text: "The challenger gets no traffic any more." },
  keep: { title: "Keep the split", act: "Keep", text: "The split stays, and the decision says so." },
  decide: {
    title: "Let the test decide",
    act: "Decide",
    text: "The scores so far are tested now; a clear difference promotes or rolls back.",
  },
};

interface ActionProps {
  deployment: Deployment;
  done: () => void;
}

export function Actions({ deployment, done }: ActionProps) {
  const may = useMay("deployments.write");
  const [asked, setAsked] = useState<Asked | null>(null);
  const why = may ? undefined : "Your role may not change deployments";
  const close = (): void => setAsked(null);
  return (
    <>
      <Button onClick={() => setAsked("split")} why={why}>
        Change split
      </Button>
      <Button onClick={() => setAsked("scale")} why={why}>
        Scale
      </Button>
      <Button onClick={() => setAsked("version")} why={why}>
        Change version
      </Button>
      <Button onClick={() => setAsked("decide")} why={why}>
        Decide by test
      </Button>
      <Button onClick={() => setAsked("keep")} why={why}>
        Keep
      </Button>
      <Button onClick={() => setAsked("roll_back")} why={why}>
        Roll back
      </Button>
      <Button look="primary" onClick={() => setAsked("promote")} why={why}>
        Promote
      </Button>
      {asked === "split" && <ChangeSplit deployment={deployment} done={done} close={close} />}
      {asked === "scale" && <Scale deployment={deployment} done={done} close={close} />}
      {asked === "version" && <ChangeVersion deployment={deployment} done={done} close={close} />}
      {asked && asked in SAYS && (
        <Decide asked={asked as Decided} deployment={deployment} done={done} close={close} />
      )}
    </>
  );
}

interface DecideProps extends ActionProps {
  asked: Decided;
  close: () => void;
}

const REASON_MAX = 2000;

function Decide({ asked, deployment, done, close }: DecideProps) {
  const { targets } = deployment;
  const [label, setLabel] = useState(targets[challengerOf(targets.map(({ weight }) => weight))]?.label ?? "");
  const [reason, setReason] = useState("");
  const { title, act, text } = SAYS[asked];
  const byHand = asked !== "decide";
  const decide = async (): Promise<void> => {
    const body = { label, ...(byHand ? { outcome: asked, reason: reason.trim() } : {}) };
    const path = { name: deployment.name };
    const { decision } = await call("POST /api/v1/deployments/{name}/decision", { path, body });
    notify(decision ? `Decided: ${words(decision.outcome)}` : "No decision yet");
    done();
  };
  return (
    <Confirm
      title={`${title}: ${deployment.name}`}
      act={act}
      danger={asked === "roll_back"}
      run={decide}
      close={close}
    >
      <p>{text}</p>
      <label className="field">
        Challenger
        <select value={label} onChange={(event) => setLabel(event.target.value)}>
          {targets.map((target) => (
            <option key={target.id} value={target.label}>
              {target.label} · {target.model} v{target.number}
            </option>
          ))}
        </select>
      </label>
      {byHand && (
        <label className="field">
          Reason, for the history
          <input
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            required
            maxLength={REASON_MAX}
          />
        </label>
      )}
    </Confirm>
  );
}

function ChangeSplit({ deployment, done, close }: ActionProps & { close: () => void }) {
  const [shares, setShares] = useState(() =>
    sharesOf(deployment.targets.map(({ weight }) => weight)).map(Math.round),
  );
  const total = shares.reduce((sum, share) => sum + share, 0);
  // With two arms the other takes the rest; with more, each is set by hand and the sum is checked.
  const set = (index: number, share: number): void => {
    setShares(shares.map((old, at) => (at === index ? share : shares.length === 2 ? WHOLE - share : old)));
  };
  const split = async (): Promise<void> => {
    if (total !== WHOLE) throw new ApiError("invalid", `The shares must add up to ${WHOLE}%.`);
    const targets = deployment.targets.map(({ label }, index) => ({ label, weight: shares[index]! }));
    await call("PUT /api/v1/deployments/{name}/split", {
      path: { name: deployment.name },
      body: { targets },
    });
    notify("The split was changed");
    done();
  };
  return (
    <Confirm title={`Traffic of ${deployment.name}`} act="Change the split" run={split} close={close}>
      {deployment.targets.map(({ id, label }, index) => (
        <label key={id} className="field split-field">
          <span>
            <span className={`swatch series-${index % 6}`} aria-hidden="true" /> {label}
          </span>
          <input
            type="range"
            min={0}
            max={WHOLE}
            value={shares[index]}
            onChange={(event) => set(index, Number(event.target.value))}
          />
          <output>{shares[index]}%</output>
        </label>
      ))}
      {total !== WHOLE && (
        <p className="form-error">
          The shares add up to {total}%, not {WHOLE}%.
        </p>
      )}
    </Confirm>
  );
}
