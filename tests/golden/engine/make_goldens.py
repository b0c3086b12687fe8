#!/usr/bin/env python3
"""Writes tiny random models of every architecture, LoRA adapters, and what transformers and PEFT compute with
them.

    python3 -m venv VENV && VENV/bin/pip install -r tests/golden/engine/requirements.txt
    VENV/bin/python tests/golden/engine/make_goldens.py [NAME ...]

Without names every model is made anew. Each folder beside this file is a model directory; golden.safetensors
in it holds
    prompt              [n] int32
    logits              [n, vocab] float32: of every position, computed in float32 whatever the weights' type
    greedy              [m] int32: the continuation of `prompt` by argmax
    NAME.logits, NAME.greedy: the same with the adapter in adapters/NAME
"""
import json
import pathlib
import shutil
import sys
import zlib

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, LlamaForCausalLM

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

# Other architectures: as small as their features allow, windows shorter than the prompt.
SMALL = dict(
    vocab_size=64, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
)
ARCHITECTURES = {
    "mistral": ("mistral", dict(sliding_window=11)),
    "mixtral": ("mixtral", dict(intermediate_size=16, num_local_experts=5, num_experts_per_tok=2)),
    "qwen2": ("qwen2", dict(use_sliding_window=True, sliding_window=9, max_window_layers=0)),
    "qwen2_yarn": ("qwen2", dict(
        max_position_embeddings=128, rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32),
    )),
    "qwen2_moe": ("qwen2_moe", dict(
        num_hidden_layers=3, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12,
        shared_expert_intermediate_size=20, mlp_only_layers=[1],
    )),
    "qwen3": ("qwen3", dict(head_dim=10)),
    "qwen3_moe": ("qwen3_moe", dict(
        head_dim=8, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=12, norm_topk_prob=True,
        mlp_only_layers=[],
    )),
    "gemma": ("gemma", dict(head_dim=12, num_key_value_heads=1)),
    "gemma2": ("gemma2", dict(head_dim=8, sliding_window=10, query_pre_attn_scalar=20, attn_logit_softcapping=4.0,
                              final_logit_softcapping=3.0)),
    "gemma3": ("gemma3_text", dict(
        head_dim=8, num_hidden_layers=3, sliding_window=10, sliding_window_pattern=2, query_pre_attn_scalar=12,
        rope_theta=1e6, rope_local_base_freq=1e3, rope_scaling=dict(rope_type="linear", factor=8.0),
    )),
    "phi3": ("phi3", dict(sliding_window=16, partial_rotary_factor=0.67, pad_token_id=0, tie_word_embeddings=False)),
    "phi3_long": ("phi3", dict(
        original_max_position_embeddings=24, pad_token_id=0, hidden_size=32,
        rope_scaling=dict(type="longrope", short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.0, 1.5, 2.5, 4.0]),
    )),
    "gpt2": ("gpt2", dict(
        vocab_size=64, n_embd=24, n_layer=2, n_head=3, n_positions=96, bos_token_id=0, eos_token_id=0,
    )),
}
for name, (model_type, changes) in ARCHITECTURES.items():
    base = {} if model_type == "gpt2" else SMALL
    MODELS[name] = dict(type=model_type, config={**base, **changes}, dtype=torch.float16, shard="10GB", adapters=False)

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
        logits = model(ids[None], use_cache=False).logits[0, -1]
        ids = torch.cat([ids, logits.argmax()[None]])
    return ids[len(prompt):]


def results(model, prompt, prefix=""):
    return {
        f"{prefix}logits": model(prompt[None], use_cache=False).logits[0].contiguous(),
        f"{prefix}greedy": greedy(model, prompt).to(torch.int32),
    }


def randomise(model):
    """Larger weights than a fresh model's, so that logits differ by far more than rounding."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 and "bias" not in name:
            offset = 0 if type(model).__name__.startswith("Gemma") else 1
            parameter.copy_(offset + 0.3 * torch.randn_like(parameter))
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
def make(name, plan):
    torch.manual_seed(zlib.crc32(name.encode()))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.for_model(plan.get("type", "llama"), **plan["config"])
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    randomise(model)
    model.to(plan["dtype"]).save_pretrained(folder, max_shard_size=plan["shard"])
    prompt = torch.randint(4, plan["config"]["vocab_size"], (PROMPT_TOKENS,))
    reference = AutoModelForCausalLM.from_pretrained(
        folder, torch_dtype=torch.float32, attn_implementation="eager"
    ).eval()
    golden = {"prompt": prompt.to(torch.int32), **results(reference, prompt)}
    if plan["adapters"]:
        for adapter, settings in ADAPTERS.items():
            golden |= make_adapter(folder, adapter, settings, prompt)
    save_file(golden, folder / "golden.safetensors")


def main():
    for name in sys.argv[1:] or MODELS:
        make(name, MODELS[name])


if __name__ == "__main__":
    main()
