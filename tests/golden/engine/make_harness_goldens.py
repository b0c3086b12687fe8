#!/usr/bin/env python3
"""Writes harness.json: what lm-evaluation-harness says of the tests' random model when transformers runs it in float32, in
its own process. tests/api/harness_test.py compares with it what it says of `capstan engine`.

    pip install lm_eval[hf]==0.4.13 torch==2.5.1 transformers==4.51.3 && tests/golden/engine/make_harness_goldens.py
"""
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "api"))

import harness_tasks
import random_model
from lm_eval.models.huggingface import HFLM


def main():
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        random_model.write(home / "model")
        model = HFLM(pretrained=str(home / "model"), dtype="float32", device="cpu", max_length=harness_tasks.CONTEXT, batch_size=1)
        seen = harness_tasks.evaluate(home, model)
    (HERE / "harness.json").write_text(json.dumps(seen, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
