#!/usr/bin/env python3
"""Writes a checkpoint with weights in few bits and scales beside them, and what they stand for.

    VENV/bin/pip install torch safetensors numpy
    VENV/bin/python tests/golden/engine/make_scaled_goldens.py

scaled/model.safetensors has a module for each layout (DeepSeek's and Hugging Face's fine-grained FP8, fbgemm's,
compressed-tensors' and ModelOpt's); scaled/expected.safetensors has its "….weight" as float32. The numbers of FP8
are torch's; FP4 and integers are unpacked here by the layouts' own descriptions.
"""
import pathlib

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
FP4 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])


def spread(scales, rows, columns, row_block, column_block):
    wide = scales.repeat_interleave(row_block, 0).repeat_interleave(column_block, 1)
    return wide[:rows, :columns]


def main():
    torch.manual_seed(3)
    stored, expected = {}, {}

    def fp8(name, rows, columns, scales, row_block, column_block, key, dtype=torch.float8_e4m3fn, shape=None):
        weight = torch.randn(rows, columns).mul(20).to(dtype)
        stored[f"{name}.weight"] = weight
        stored[f"{name}.{key}"] = scales if shape is None else scales.reshape(shape)
        expected[f"{name}.weight"] = weight.float() * spread(scales.float(), rows, columns, row_block, column_block)

    fp8("deepseek", 3, 200, torch.rand(1, 2) + 0.1, 128, 128, "weight_scale_inv")
    fp8("deepseek_rows", 140, 4, torch.rand(2, 1) + 0.1, 128, 128, "weight_scale_inv")
    fp8("per_tensor", 5, 8, torch.tensor([[0.25]]), 5, 8, "weight_scale", shape=(1,))
    fp8("scalar", 5, 8, torch.tensor([[0.03]]), 5, 8, "weight_scale", dtype=torch.float8_e5m2, shape=())
    fp8("per_row", 6, 8, (torch.rand(6, 1) + 0.1).bfloat16(), 1, 8, "weight_scale")
    stored["per_row.input_scale"] = torch.tensor([1.0])
    fp8("per_row_flat", 6, 8, torch.rand(6, 1) + 0.1, 1, 8, "weight_scale", shape=(6,))
    fp8("groups", 4, 64, torch.rand(4, 2) + 0.1, 1, 32, "weight_scale")

    def packed_fp4(rows, columns):
        codes = torch.randint(0, 16, (rows, columns), dtype=torch.uint8)
        return codes, codes[:, 0::2] | (codes[:, 1::2] << 4)

    for name, packed_key, global_key in (
        ("nvfp4", "weight_packed", "weight_global_scale"), ("modelopt", "weight", "weight_scale_2")
    ):
        codes, packed = packed_fp4(3, 48)
        scales = (torch.rand(3, 3) * 100 + 1).to(torch.float8_e4m3fn)
        total = torch.tensor([300.0 if name == "nvfp4" else 0.004])
        stored |= {f"{name}.{packed_key}": packed, f"{name}.weight_scale": scales, f"{name}.{global_key}": total}
        factor = 1 / total if name == "nvfp4" else total
        expected[f"{name}.weight"] = FP4[codes.long()] * spread(scales.float(), 3, 48, 1, 16) * factor

    codes, packed = packed_fp4(3, 64)
    exponents = torch.randint(110, 140, (3, 2), dtype=torch.uint8)
    stored |= {"mxfp4.weight_packed": packed, "mxfp4.weight_scale": exponents}
    expected["mxfp4.weight"] = FP4[codes.long()] * spread(torch.exp2(exponents.float() - 127), 3, 64, 1, 32)

    codes = torch.randint(-127, 128, (4, 64), dtype=torch.int8)
    scales = torch.rand(4, 1) * 0.1
    stored |= {"int8.weight": codes, "int8.weight_scale": scales}
    expected["int8.weight"] = codes.float() * scales

    codes = torch.randint(0, 16, (4, 64), dtype=torch.int64)
    words = sum(codes[:, i::8] << (4 * i) for i in range(8))
    words = torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)
    scales = (torch.rand(4, 2) * 0.1).bfloat16()
    stored |= {"int4.weight_packed": words, "int4.weight_scale": scales, "int4.weight_shape": torch.tensor([4, 64])}
    expected["int4.weight"] = (codes - 8).float() * spread(scales.float(), 4, 64, 1, 32)

    stored["plain.weight"] = expected["plain.weight"] = torch.randn(2, 3)
    (HERE / "scaled").mkdir(exist_ok=True)
    save_file(stored, HERE / "scaled" / "model.safetensors")
    save_file({k: v.contiguous() for k, v in expected.items()}, HERE / "scaled" / "expected.safetensors")


if __name__ == "__main__":
    main()
