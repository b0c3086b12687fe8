#!/usr/bin/env python3
"""Writes tiny random Llama models, LoRA adapters, and what transformers and PEFT compute with them.

    python3 -m venv VENV && VENV/bin/pip install -r tests/golden/engine/requirements.txt
    VENV/bin/python tests/golden/engine/make_goldens.py

Each folder beside this file is a model directory; golden.safetensors in it holds
    prompt              [n] int32
    logits              [n, vocab] float32: of every position, computed in float32 whatever the weights' type
    greedy              [m] int32: the continuation of `prompt` by argmax
    NAME.logits, NAME.greedy: the same with the adapter in adapters/NAME
"""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
PROMPT_TOKENS = 40
GREEDY_TOKENS = 24

MODELS = {
    # Grouped queries, tied embeddings; head_dim is not hidden / heads and no multiple of a vector.
    "tied_f32": dict(
        config=dict(
            vocab_size=101, hidden_size=36, intermediate_size=52, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=14, max_position_embeddings=128, rope_theta=10000.0,
            rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
        ),
        dtype=torch.float32,
        shard="10GB",
        adapters=True,
    ),
    # Llama 3's rope scaling, several end tokens, bfloat16, untied, in shards.
    "llama3_bf16": dict(
        config=dict(
            vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=1, head_dim=16, max_position_embeddings=256, rope_theta=500000.0,
            rope_scaling=dict(
                rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                original_max_position_embeddings=32,
            ),
            rms_norm_eps=1e-6, tie_word_embeddings=False, bos_token_id=1, eos_token_id=[2, 3],
        ),
        dtype=torch.bfloat16,
        shard="20KB",
        adapters=False,
    ),
    # Every head has its own keys; biases; float16; linear rope scaling.
    "bias_f16": dict(
        config=dict(
            vocab_size=64, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
            num_key_value_heads=3, head_dim=8, max_position_embeddings=128, rope_theta=10000.0,
            rope_scaling=dict(rope_type="linear", factor=2.0),
            rms_norm_eps=1e-5, tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
            bos_token_id=0, eos_token_id=0,
        ),
        dtype=torch.float16,
        shard="10GB",
        adapters=False,
    ),
}

ADAPTERS = {
    "attention": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "everything": dict(
        r=3, lora_alpha=5, use_rslora=True,
        target_modules=r".*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)$",
        rank_pattern={"layers.1.mlp.gate_proj": 6}, alpha_pattern={"up_proj": 9, "layers.0.self_attn.q_proj": 2},
    ),
}


def greedy(model, prompt):
    ids = prompt.clone()
    for _ in range(GREEDY_TOKENS):
        logits = model(ids[None]).logits[0, -1]
        ids = torch.cat([ids, logits.argmax()[None]])
    return ids[len(prompt):]


def results(model, prompt, prefix=""):
    return {
        f"{prefix}logits": model(prompt[None]).logits[0].contiguous(),
        f"{prefix}greedy": greedy(model, prompt).to(torch.int32),
    }


def randomise(model):
    """Larger weights than a fresh model's, so that logits differ by far more than rounding."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
        elif "bias" in name:
            parameter.copy_(0.2 * torch.randn_like(parameter))
        else:
            parameter.copy_(torch.randn_like(parameter) * (1.5 / parameter.shape[-1] ** 0.5))


def make_adapter(folder, name, settings, prompt):
    base = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **settings))
    for parameter_name, parameter in model.named_parameters():
        if "lora_" in parameter_name:
            parameter.copy_(torch.randn_like(parameter) * 0.25)
    adapter_folder = folder / "adapters" / name
    model.save_pretrained(adapter_folder)
    (adapter_folder / "README.md").unlink(missing_ok=True)
    config = adapter_folder / "adapter_config.json"
    text = json.loads(config.read_text())
    text["base_model_name_or_path"] = folder.name
    config.write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")
    fresh = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    loaded = PeftModel.from_pretrained(fresh, adapter_folder).eval()
    return results(loaded, prompt, f"{name}.")


@torch.no_grad()
def main():
    torch.manual_seed(20260921)
    for name, plan in MODELS.items():
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        model = LlamaForCausalLM(LlamaConfig(**plan["config"], attn_implementation="eager")).eval()
        randomise(model)
        model.to(plan["dtype"]).save_pretrained(folder, max_shard_size=plan["shard"])
        prompt = torch.randint(4, plan["config"]["vocab_size"], (PROMPT_TOKENS,))
        reference = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
        golden = {"prompt": prompt.to(torch.int32), **results(reference, prompt)}
        if plan["adapters"]:
            for adapter, settings in ADAPTERS.items():
                golden |= make_adapter(folder, adapter, settings, prompt)
        save_file(golden, folder / "golden.safetensors")


if __name__ == "__main__":
    main()
