#!/usr/bin/env python3
"""Writes tiny random encoders and what transformers computes with them.

    VENV/bin/python tests/golden/engine/make_encoder_goldens.py

VENV as for make_goldens.py. golden.safetensors in each folder holds, for texts i = 0, 1, 2
    tokens.i, types.i   [n] int32
    embedding.i         [hidden] float32: pooled as modules.json says (encoders)
    score.i             [1] float32 (cross-encoders)
"""
import json
import pathlib
import shutil
import zlib

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

HERE = pathlib.Path(__file__).parent
LENGTHS = [5, 17, 9]
SMALL = dict(
    vocab_size=48, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
    max_position_embeddings=32, pad_token_id=0,
)
MODELS = {
    "bert_mean": dict(type="bert", config={}, pooling="mean", normalises=True),
    "bert_rerank": dict(type="bert", config=dict(num_labels=1, num_hidden_layers=1), pooling=None),
    "roberta_cls": dict(
        type="xlm-roberta", config=dict(pad_token_id=1, type_vocab_size=1), pooling="cls", normalises=False
    ),
    "roberta_rerank": dict(
        type="xlm-roberta", config=dict(pad_token_id=1, type_vocab_size=1, num_labels=1, num_hidden_layers=1),
        pooling=None
    ),
}


def write_modules(folder, plan):
    parts = ["Transformer", "Pooling"] + (["Normalize"] if plan["normalises"] else [])
    paths = ["", "1_Pooling", "2_Normalize"]
    modules = [
        dict(idx=i, name=str(i), path=paths[i], type=f"sentence_transformers.models.{part}")
        for i, part in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    (folder / "1_Pooling").mkdir()
    pooling = dict(
        word_embedding_dimension=SMALL["hidden_size"],
        pooling_mode_cls_token=plan["pooling"] == "cls",
        pooling_mode_mean_tokens=plan["pooling"] == "mean",
        pooling_mode_max_tokens=False,
        pooling_mode_mean_sqrt_len_tokens=False,
    )
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2) + "\n")


def pooled(hidden, plan):
    vector = hidden.mean(0) if plan["pooling"] == "mean" else hidden[0].clone()
    return torch.nn.functional.normalize(vector, dim=0) if plan["normalises"] else vector


@torch.no_grad()
def make(name, plan):
    torch.manual_seed(zlib.crc32(name.encode()))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    kind = AutoModel if plan["pooling"] else AutoModelForSequenceClassification
    config = AutoConfig.for_model(plan["type"], **{**SMALL, **plan["config"]})
    model = kind.from_config(config, attn_implementation="eager").eval()
    for parameter_name, parameter in model.named_parameters():
        spread = 1.5 / parameter.shape[-1] ** 0.5 if parameter.dim() == 2 else 0.2
        offset = 1.0 if "LayerNorm.weight" in parameter_name else 0.0
        parameter.copy_(offset + spread * torch.randn_like(parameter))
    model.half().save_pretrained(folder)
    reference = kind.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval()
    golden = {}
    for i, length in enumerate(LENGTHS):
        tokens = torch.randint(4, SMALL["vocab_size"], (length,))
        types = torch.arange(length).ge(length // 2).long() * (config.type_vocab_size > 1)
        outputs = reference(tokens[None], token_type_ids=types[None], output_hidden_states=True)
        golden |= {f"tokens.{i}": tokens.to(torch.int32), f"types.{i}": types.to(torch.int32)}
        hidden = outputs.hidden_states[-1][0]
        if plan["pooling"]:
            golden[f"embedding.{i}"] = pooled(hidden, plan).contiguous()
        else:
            golden[f"score.{i}"] = outputs.logits[0].contiguous()
    save_file(golden, folder / "golden.safetensors")
    if plan["pooling"]:
        write_modules(folder, plan)


if __name__ == "__main__":
    for model_name, model_plan in MODELS.items():
        make(model_name, model_plan)
