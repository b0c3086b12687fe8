#!/usr/bin/env python3
"""Writes beams.safetensors: what transformers' beam search answers with the model in tied_f32.

    VENV/bin/python tests/golden/engine/make_beams.py

For each case: NAME.tokens [beams, longest] int32, the best first, -1 behind the end; NAME.scores [beams].
"""
import pathlib

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
# Name: beams, tokens, length penalty, end tokens, early stopping.
CASES = {
    "plain": (4, 12, 1.0, None, False),
    "wide": (8, 9, 0.0, None, False),
    "ends": (4, 16, 1.0, list(range(1, 101, 4)), False),
    "long": (3, 20, 2.0, list(range(1, 101, 9)), False),
    "short": (5, 20, 0.5, list(range(1, 101, 6)), False),
    "early": (4, 24, 2.0, list(range(1, 101, 4)), True),
    "late": (4, 24, 2.0, list(range(1, 101, 4)), "never"),
    "late_short": (3, 24, -1.0, list(range(1, 101, 9)), "never"),
}


@torch.no_grad()
def main():
    folder = HERE / "tied_f32"
    prompt = load_file(folder / "golden.safetensors")["prompt"].long()
    model = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval()
    tensors = {}
    for name, (beams, tokens, penalty, ends, early) in CASES.items():
        model.generation_config.eos_token_id = ends
        model.generation_config.pad_token_id = 0
        out = model.generate(
            prompt[None], attention_mask=torch.ones_like(prompt)[None], num_beams=beams, num_return_sequences=beams,
            do_sample=False, max_new_tokens=tokens, length_penalty=penalty, early_stopping=early,
            return_dict_in_generate=True, output_scores=True,
        )
        rows = out.sequences[:, len(prompt):].clone()
        for row in rows:
            if ends:
                hits = [i for i, token in enumerate(row.tolist()) if token in ends]
                if hits:
                    row[hits[0] + 1:] = -1
        tensors[f"{name}.tokens"] = rows.to(torch.int32).contiguous()
        tensors[f"{name}.scores"] = out.sequences_scores.contiguous()
        print(name, rows.tolist(), out.sequences_scores.tolist())
    save_file(tensors, HERE / "beams.safetensors")


main()
