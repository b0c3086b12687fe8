// Changes of what runs behind a target: how many replicas it may have, which version they serve, and what
// they round its weights to.
import { useState } from "react";
import { call } from "../../api/client";
import type { Deployment, Quantize } from "../../api/types";
import { usePages } from "../../api/use_query";
import { Confirm, notify } from "../../kit/dialog";
import { REPLICAS_MAX, rangeFault } from "./replica_range";
import { QUANTIZES, ROUNDINGS, roundingNote } from "./rounding";

interface FleetActionProps {
  deployment: Deployment;
  done: () => void;
  close: () => void;
}

interface TargetFieldProps {
  targets: Deployment["targets"];
  index: number;
  set: (index: number) => void;
}

function TargetField({ targets, index, set }: TargetFieldProps) {
  return (
    <label className="field">
      Target
      <select value={index} onChange={(event) => set(Number(event.target.value))}>
        {targets.map((target, at) => (
          <option key={target.id} value={at}>
            {target.label} · {target.model} v{target.number}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Scale({ deployment, done, close }: FleetActionProps) {
  const { name, targets } = deployment;
  const [index, setIndex] = useState(0);
  const [range, setRange] = useState(() => rangeOf(targets[0]!));
  const fault = rangeFault(range);
  const scale = async (): Promise<void> => {
    const body = { label: targets[index]!.label, ...range };
    await call("PUT /api/v1/deployments/{name}/scale", { path: { name }, body });
    notify("The number of replicas was changed");
    done();
  };
  const field = (title: string, key: keyof typeof range, min: number) => (
    <label className="field">
      {title}
      <input
        type="number"
        min={min}
        max={REPLICAS_MAX}
        required
        value={Number.isNaN(range[key]) ? "" : range[key]}
        onChange={(event) => setRange({ ...range, [key]: event.target.valueAsNumber })}
      />
    </label>
  );
  return (
    <Confirm title={`Replicas of ${name}`} act="Change the replicas" run={scale} close={close}>
      <p>
        Load decides between the two. With at least 0, none runs while nobody calls, and a call starts one.
      </p>
      <TargetField
        targets={targets}
        index={index}
        set={(at) => {
          setIndex(at);
          setRange(rangeOf(targets[at]!));
        }}
      />
      {field("At least", "replicas_min", 0)}
      {field("At most", "replicas_max", 1)}
      {fault && <p className="form-error">{fault}</p>}
    </Confirm>
  );
}

function rangeOf({ replicas_min, replicas_max }: Deployment["targets"][number]) {
  return { replicas_min, replicas_max };
}

export function ChangeVersion({ deployment, done, close }: FleetActionProps) {
  const { name, targets } = deployment;
  const [index, setIndex] = useState(0);
  const target = targets[index]!;
  const versions = usePages("GET /api/v1/models/{name}/versions", { path: { name: target.model } });
  const numbers = [...new Set([target.number, ...(versions.data ?? []).map(({ number }) => number)])];
  const [number, setNumber] = useState(target.number);
  const [quantize, setQuantize] = useState(target.quantize);
  const change = async (): Promise<void> => {
    const body = { label: target.label, model: target.model, number, quantize };
    await call("PUT /api/v1/deployments/{name}/version", { path: { name }, body });
    notify(`${target.label} changes to ${target.model} v${number}${roundingNote(quantize)}`);
    done();
  };
  const isSame = number === target.number && quantize === target.quantize;
  return (
    <Confirm
      title={`Version of ${name}`}
      act="Change the version"
      run={change}
      close={close}
      why={isSame ? "Nothing is changed yet" : undefined}
    >
      <p>New replicas start beside the old, which end when the new ones answer. No call fails.</p>
      <TargetField
        targets={targets}
        index={index}
        set={(at) => {
          setIndex(at);
          setNumber(targets[at]!.number);
          setQuantize(targets[at]!.quantize);
        }}
      />
      {versions.error && <p className="form-error">{versions.error.message}</p>}
      {versions.data?.length === 1 && <p className="muted">{target.model} has no other version.</p>}
      <VersionField numbers={numbers} now={target.number} number={number} set={setNumber} />
      <RoundingField quantize={quantize} set={setQuantize} />
    </Confirm>
  );
}

interface VersionFieldProps {
  numbers: number[];
  now: number;
  number: number;
  set: (number: number) => void;
}

function VersionField({ numbers, now, number, set }: VersionFieldProps) {
  return (
    <label className="field">
      Version
      <select value={number} onChange={(event) => set(Number(event.target.value))}>
        {numbers
          .sort((a, b) => b - a)
          .map((one) => (
            <option key={one} value={one}>
              v{one}
              {one === now && " (now)"}
            </option>
          ))}
      </select>
    </label>
  );
}

function RoundingField({ quantize, set }: { quantize: Quantize; set: (quantize: Quantize) => void }) {
  return (
    <label className="field">
      Weights
      <select value={quantize} onChange={(event) => set(event.target.value as Quantize)}>
        {QUANTIZES.map((one) => (
          <option key={one} value={one}>
            {ROUNDINGS[one]}
          </option>
        ))}
      </select>
    </label>
  );
}
