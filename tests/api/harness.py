"""lm-evaluation-harness, unmodified, through `capstan engine` against the same model in transformers.

Not part of `run`: it needs lm_eval[api]==0.4.9, torch and transformers. CAPSTAN_PROGRAM names the program.
"""
import os
import pathlib
import subprocess
import tempfile
import time

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.models.openai_completions import LocalCompletionsAPI

import random_model

QUESTIONS = [
    ("The capital of Norway is", " Oslo"),
    ("Two and two make", " four, and three and three make six."),
    ("", "Nothing comes first"),
    ("Grüße aus", " Köln"),
]


def requests():
    return [
        Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=i, metadata=("capstan", i, 1))
        for i, pair in enumerate(QUESTIONS)
    ]


def main():
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        random_model.write(home / "model")
        engine = subprocess.Popen(
            [os.environ["CAPSTAN_PROGRAM"], "engine", "--model", home / "model", "--name", "tiny", "--port-file", home / "port"]
        )
        try:
            while not ((home / "port").exists() and (home / "port").read_text().strip()):
                time.sleep(0.1)
            url = f"http://127.0.0.1:{(home / 'port').read_text().strip()}/v1/completions"
            served = LocalCompletionsAPI(
                base_url=url, model="tiny", tokenizer=str(home / "model"), batch_size=3, max_length=512
            ).loglikelihood(requests(), disable_tqdm=True)
            local = HFLM(pretrained=str(home / "model"), dtype="float32", max_length=512).loglikelihood(
                requests(), disable_tqdm=True
            )
        finally:
            engine.terminate()
            engine.wait(30)
    for question, (ours, our_greedy), (theirs, their_greedy) in zip(QUESTIONS, served, local):
        print(f"{question!r}: engine {ours:.6f} {our_greedy}, transformers {theirs:.6f} {their_greedy}")
        assert abs(ours - theirs) < 1e-3 * max(1, abs(theirs)), question
        assert our_greedy == their_greedy, question
    print("equal")


if __name__ == "__main__":
    main()
