#!/usr/bin/env python3
"""Writes blocks of ggml's quantised types with the numbers that the `gguf` package reads in them.

    VENV/bin/pip install gguf==0.19.0 safetensors numpy
    VENV/bin/python tests/golden/engine/make_block_goldens.py

blocks/dequantised.safetensors holds, for each TYPE,
    TYPE.blocks   [blocks, bytes] uint8: random bytes, then scales of 0, the least and the greatest half
    TYPE.values   [blocks * elements] float32
and F8_E4M3, F8_E5M2 of all 256 bytes, as torch reads them.
"""
import pathlib

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
# Type, blocks, and where its half-precision scales lie in a block.
TYPES = [
    ("Q8_0", 12, [0]), ("Q4_0", 12, [0]), ("Q4_1", 12, [0, 2]), ("Q5_0", 12, [0]), ("Q5_1", 12, [0, 2]),
    ("Q4_K", 8, [0, 2]), ("Q5_K", 8, [0, 2]), ("Q6_K", 8, [208]), ("MXFP4", 12, []),
]
EXTREME_HALVES = [0x0000, 0x8000, 0x0001, 0x7BFF, 0xFBFF, 0x7C00]  # ±0, least, ±greatest, infinity


def blocks_of(name, count, scale_offsets, random):
    _, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    if not scale_offsets:
        blocks[:4, 0] = [0, 1, 254, 255]
    for i, half in enumerate(EXTREME_HALVES if scale_offsets else []):
        blocks[i, scale_offsets[0]:scale_offsets[0] + 2] = np.array([half], dtype=np.uint16).view(np.uint8)
    return blocks


def main():
    random = np.random.default_rng(7)
    tensors = {}
    for name, count, scale_offsets in TYPES:
        blocks = blocks_of(name, count, scale_offsets, random)
        tensors[f"{name}.blocks"] = blocks
        with np.errstate(invalid="ignore"):
            tensors[f"{name}.values"] = dequantize(blocks, GGMLQuantizationType[name]).reshape(-1)
    every_byte = torch.arange(256, dtype=torch.uint8)
    for name, dtype in (("F8_E4M3", torch.float8_e4m3fn), ("F8_E5M2", torch.float8_e5m2)):
        tensors[f"{name}.blocks"] = every_byte.reshape(256, 1).numpy()
        tensors[f"{name}.values"] = every_byte.view(dtype).to(torch.float32).numpy()
    (HERE / "blocks").mkdir(exist_ok=True)
    save_file(tensors, HERE / "blocks" / "dequantised.safetensors")


if __name__ == "__main__":
    main()
