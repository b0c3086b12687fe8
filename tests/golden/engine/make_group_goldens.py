#!/usr/bin/env python3
"""Writes a checkpoint with modules in the layouts of GPTQ and AWQ, and what they stand for.

    VENV/bin/pip install torch safetensors numpy
    VENV/bin/python tests/golden/engine/make_group_goldens.py

groups/model.safetensors has a module for each layout, packed as AutoGPTQ's QuantLinear.pack
(auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py, version 0.7.1) and AutoAWQ's WQLinear_GEMM.from_linear
(awq/modules/linear/gemm.py, version 0.2.6) do; groups/expected.safetensors has its "….weight" as float32.
"""
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def pack(numbers, bits, axis, order=None):
    """Neighbours along an axis into words of 32 bits."""
    numbers = np.moveaxis(numbers.astype(np.uint64), axis, -1)
    count = 32 // bits
    parts = numbers.reshape(*numbers.shape[:-1], -1, count)
    words = np.zeros(parts.shape[:-1], dtype=np.uint64)
    for place, number in enumerate(order or range(count)):
        words |= parts[..., number] << np.uint64(place * bits)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(words, -1, axis)).astype(np.uint32).view(np.int32))


def main():
    random = np.random.default_rng(11)
    stored, expected = {}, {}

    def module(name, inputs, outputs, group, bits=4, is_awq=False, zero=None, permuted=False, with_index=False):
        groups = inputs // group
        codes = random.integers(0, 2**bits, (inputs, outputs))
        zeros = random.integers(1, 2**bits, (groups, outputs)) if zero is None else np.full((groups, outputs), zero)
        scales = (random.random((groups, outputs)) * 0.05 + 0.001).astype(np.float16)
        index = np.arange(inputs) // group
        if permuted:
            index = random.permutation(index)
        order = AWQ_ORDER if is_awq else None
        stored[f"{name}.qweight"] = pack(codes, bits, 1 if is_awq else 0, order)
        stored[f"{name}.qzeros"] = pack(zeros if is_awq else zeros - 1, bits, 1, order)
        stored[f"{name}.scales"] = torch.from_numpy(scales)
        if permuted or with_index:
            stored[f"{name}.g_idx"] = torch.from_numpy(index.astype(np.int32))
        weight = scales.astype(np.float32)[index] * (codes - zeros[index]).astype(np.float32)
        expected[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(weight.T))

    module("gptq", 128, 16, 64, zero=8, with_index=True)
    module("gptq_asymmetric", 64, 24, 32)
    module("gptq_act_order", 96, 8, 32, permuted=True)
    module("gptq_8", 64, 8, 64, bits=8, zero=128, with_index=True)
    module("gptq_8_asymmetric", 64, 8, 32, bits=8)
    module("awq", 128, 32, 64, is_awq=True)
    module("awq_short", 48, 16, 16, is_awq=True)
    stored["gptq.bias"] = torch.ones(16)
    expected["gptq.bias"] = torch.ones(16)
    folder = HERE / "groups"
    folder.mkdir(exist_ok=True)
    save_file(stored, folder / "model.safetensors")
    save_file(expected, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
