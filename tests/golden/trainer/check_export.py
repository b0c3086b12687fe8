#!/usr/bin/env python3
"""Checks by hand that transformers and peft load what capstan-train exports, and compute what it computes.

    check_export.py CAPSTAN_TRAIN     (with the packages of make_goldens.py)

Trains a tiny model and an adapter of it with CAPSTAN_TRAIN on random tokens, loads both, and compares the held-out
losses that it reported with those of transformers and peft.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

TOKENS, VOCABULARY = 32, 96
TOLERANCE = 2e-5  # float32, sums in another order


def run(program, folder, spec):
    (folder / "work").mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "spec.json").write_text(json.dumps(spec))
    subprocess.run([program, "--job-dir", str(folder)], check=True, capture_output=True)
    return json.loads((folder / "result.json").read_text())["value"]


def heldout_loss(model, stream):
    """Mean over windows of TOKENS, as the trainer cuts them."""
    windows = (len(stream) - 1) // TOKENS
    inputs = torch.tensor([stream[i * TOKENS : (i + 1) * TOKENS] for i in range(windows)])
    labels = torch.tensor([stream[i * TOKENS + 1 : (i + 1) * TOKENS + 1] for i in range(windows)])
    with torch.no_grad():
        logits = model(input_ids=inputs).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).item()


def main():
    random.seed(1)
    folder = pathlib.Path(tempfile.mkdtemp())
    start = random.randrange(VOCABULARY)
    stream = [(start + 5 * i + random.randrange(3)) % VOCABULARY for i in range(2001)]
    (folder / "data.jsonl").write_text(json.dumps({"tokens": stream}) + "\n")
    common = {
        "data": {"train": [str(folder / "data.jsonl")], "heldout": [str(folder / "data.jsonl")]},
        "batch": {"sequences": 4, "sequence_tokens": TOKENS},
        "steps": 40,
        "eval_sequences": 1000,
        "threads": 1,
    }
    worst = 0.0
    for tied in (True, False):
        name = "tied" if tied else "untied"
        shape = {
            "vocab_size": VOCABULARY,
            "hidden_size": 48,
            "intermediate_size": 80,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 64,
            "tie_word_embeddings": tied,
        }
        value = run(sys.argv[1], folder / name, {"task": "pretrain", "model": shape, **common})
        model = AutoModelForCausalLM.from_pretrained(folder / name / value["model_dir"])
        difference = abs(heldout_loss(model, stream) - value["heldout_loss"])
        print(f"model, {name}: heldout loss {value['heldout_loss']:.6f}, difference {difference:.1e}")
        worst = max(worst, difference)
        for rslora in (False, True):
            job = folder / f"{name}-{rslora}"
            spec = {
                "task": "lora",
                "base_model": str(folder / name / "out/model"),
                "lora": {"rank": 4, "rslora": rslora, "targets": ["q_proj", "o_proj", "gate_proj", "down_proj"]},
                **common,
            }
            value = run(sys.argv[1], job, spec)
            base = AutoModelForCausalLM.from_pretrained(folder / name / "out/model")
            adapted = PeftModel.from_pretrained(base, job / value["adapter_dir"])
            difference = abs(heldout_loss(adapted, stream) - value["heldout_loss"])
            print(f"adapter, rslora {rslora}: heldout loss {value['heldout_loss']:.6f}, difference {difference:.1e}")
            worst = max(worst, difference)
    return 0 if worst < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
