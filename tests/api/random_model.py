"""Writes a folder with a tiny random Llama, complete with a byte-level tokenizer and a chat template that knows tools."""
import json
import math
import pathlib
import random
import struct
import sys

HIDDEN, INTERMEDIATE, LAYERS, HEADS, KV_HEADS, VOCABULARY, POSITIONS = 64, 96, 2, 4, 2, 272, 1024
SPECIAL = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
MARKS = {261: "<tool_call>", 262: "</tool_call>"}  # Behind the bytes.
TEMPLATE = (
    "{% if tools %}<|system|>\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    'Call one as <tool_call>{"name": ..., "arguments": ...}</tool_call>.<|end|>\n{% endif %}'
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def byte_alphabet():
    """GPT-2's: each byte as a character that can be seen."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {byte: chr(byte) for byte in seen} | {byte: chr(256 + i) for i, byte in enumerate(unseen)}


def tokenizer():
    alphabet = byte_alphabet()
    names = SPECIAL + [alphabet[byte] for byte in range(256)]
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": i, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for i, name in [*enumerate(SPECIAL), *MARKS.items()]
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {name: i for i, name in enumerate(names)}, "merges": []},
    }


def token_ids(text):
    return [len(SPECIAL) + byte for byte in text.encode()]


def tensors():
    head = HIDDEN // HEADS
    yield "model.embed_tokens.weight", [VOCABULARY, HIDDEN]
    for layer in range(LAYERS):
        of = f"model.layers.{layer}."
        yield of + "self_attn.q_proj.weight", [HIDDEN, HIDDEN]
        yield of + "self_attn.k_proj.weight", [KV_HEADS * head, HIDDEN]
        yield of + "self_attn.v_proj.weight", [KV_HEADS * head, HIDDEN]
        yield of + "self_attn.o_proj.weight", [HIDDEN, HIDDEN]
        yield of + "mlp.gate_proj.weight", [INTERMEDIATE, HIDDEN]
        yield of + "mlp.up_proj.weight", [INTERMEDIATE, HIDDEN]
        yield of + "mlp.down_proj.weight", [HIDDEN, INTERMEDIATE]
        yield of + "input_layernorm.weight", [HIDDEN]
        yield of + "post_attention_layernorm.weight", [HIDDEN]
    yield "model.norm.weight", [HIDDEN]


def write(folder, seed=1):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    header, body = {}, bytearray()
    for name, shape in tensors():
        begin = len(body)
        for _ in range(math.prod(shape)):
            value = 1.0 if len(shape) == 1 else chance.uniform(-2.6, 2.6) / math.sqrt(shape[1])
            body += struct.pack("<f", value)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(body)]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + body)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "hidden_act": "silu",
        "max_position_embeddings": POSITIONS, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": [0, 4], "torch_dtype": "float32",
    }))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0], "eos_token": SPECIAL[0],
        "pad_token": SPECIAL[0], "model_max_length": POSITIONS, "chat_template": TEMPLATE,
    }))


if __name__ == "__main__":
    write(sys.argv[1])
