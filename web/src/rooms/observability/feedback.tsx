// Scoring an answer by hand: good, or not.
import { useState } from "react";
import { call, unreachable } from "../../api/client";
import { useMay } from "../../api/me";
import { Button } from "../../kit/basics";
import { notify } from "../../kit/dialog";

// The name under which a person's verdict is kept.
const NAME = "thumbs";

export function Feedback({ responseId, done }: { responseId: string; done: () => void }) {
  const may = useMay("feedback.write");
  const [busy, setBusy] = useState(false);
  const why = may ? undefined : "Your role may not score answers";
  const give = async (value: boolean): Promise<void> => {
    if (busy) return;
    setBusy(true);
    try {
      await call("POST /api/v1/feedback", { body: { response_id: responseId, name: NAME, value } });
      notify("The score was kept");
      done();
    } catch (fault) {
      notify(unreachable(fault).message);
    }
    setBusy(false);
  };
  return (
    <>
      <Button onClick={() => void give(true)} why={why}>
        Good answer
      </Button>
      <Button onClick={() => void give(false)} why={why}>
        Bad answer
      </Button>
    </>
  );
}
