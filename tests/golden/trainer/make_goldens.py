#!/usr/bin/env python3
"""Makes the goldens of the room `trainer`: tiny random Llamas and LoRA adapters with what transformers, peft and
torch compute from them.

Made with: torch 2.15.0, transformers 5.23.0, peft 0.21.2, safetensors 0.8.0, Python 3.11.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers peft safetensors numpy
    /tmp/venv/bin/python tests/golden/trainer/make_goldens.py

Each folder holds a model in Hugging Face's layout (its adapter below adapter/), and
  expected.json         tokens, labels, the optimiser's settings; losses and gradient norms of 5 steps
  expected.safetensors  logits before and after those steps
"""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
STEPS = 5
OPTIMIZER = {
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "beta1": 0.9,
    "beta2": 0.95,
    "eps": 1e-8,
    "clip_norm": 1.0,
    "warmup_steps": 0,
    "schedule": "constant",
}
LORA = {"rank": 4, "alpha": 8, "targets": ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]}


def make_model(tied, seed):
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=96,
            hidden_size=32,
            intermediate_size=56,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=96,
            rope_theta=10000.0,
            rms_norm_eps=1e-5,
            tie_word_embeddings=tied,
            attn_implementation="eager",
            bos_token_id=0,
            eos_token_id=0,
        )
    ).float()
    with torch.no_grad():  # Larger than usual, and norms that are not 1: mistakes show.
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0, 0.2) if "norm" in name else parameter.normal_(0.0, 0.15)
    return model


def make_batch():
    # Longer than one block of the attention (64 queries), with labels that do not count.
    tokens = torch.randint(1, 96, (3, 81), generator=torch.Generator().manual_seed(7))
    inputs, labels = tokens[:, :-1].contiguous(), tokens[:, 1:].clone()
    labels[0, :11] = -100
    labels[2, 50:] = -100
    return inputs, labels


def loss_of(model, inputs, labels):
    logits = model(input_ids=inputs).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)


def optimizer_of(model):
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in trained if "norm" in name or "embed" in name]
    decayed = [p for name, p in trained if "norm" not in name and "embed" not in name]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": OPTIMIZER["weight_decay"]}, {"params": plain, "weight_decay": 0.0}],
        lr=OPTIMIZER["learning_rate"],
        betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]),
        eps=OPTIMIZER["eps"],
    )


def expect(model, folder, settings):
    model.train()
    inputs, labels = make_batch()
    with torch.no_grad():
        before = model(input_ids=inputs).logits.clone()
    optimizer, losses, norms = optimizer_of(model), [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, inputs, labels)
        loss.backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        norms.append(torch.nn.utils.clip_grad_norm_(trained, OPTIMIZER["clip_norm"]).item())
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        after = model(input_ids=inputs).logits.clone()
    expected = {
        "inputs": inputs.tolist(),
        "labels": labels.tolist(),
        "optimizer": OPTIMIZER,
        "losses": losses,
        "gradient_norms": norms,
        **settings,
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    save_file({"before": before, "after": after}, folder / "expected.safetensors")


def save(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)


def main():
    torch.set_num_threads(1)
    for name, tied in (("tied", True), ("untied", False)):
        model = make_model(tied, seed=1 + tied)
        save(model, HERE / name)
        expect(model, HERE / name, {})
    for name, rslora in (("lora", False), ("rslora", True)):
        folder = HERE / name
        base = make_model(True, seed=5)
        save(base, folder)
        config = LoraConfig(
            r=LORA["rank"],
            lora_alpha=LORA["alpha"],
            target_modules=LORA["targets"],
            use_rslora=rslora,
            task_type="CAUSAL_LM",
        )
        model = get_peft_model(base, config)
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if "lora_B" in parameter_name:
                    parameter.normal_(0.0, 0.05)
        model.save_pretrained(folder / "adapter")
        (folder / "adapter" / "README.md").unlink(missing_ok=True)
        expect(model, folder, {"lora": {**LORA, "rslora": rslora}})


if __name__ == "__main__":
    main()
