#!/usr/bin/env python3
"""Writes a GGUF file with a key of each kind, by the `gguf` package.

    VENV/bin/pip install gguf==0.19.0 numpy
    VENV/bin/python tests/golden/engine/make_gguf_goldens.py
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

HERE = pathlib.Path(__file__).parent


def main():
    (HERE / "gguf").mkdir(exist_ok=True)
    writer = GGUFWriter(HERE / "gguf" / "every_kind.gguf", "llama")
    writer.add_uint8("test.u8", 200)
    writer.add_int8("test.i8", -100)
    writer.add_uint16("test.u16", 60_000)
    writer.add_int16("test.i16", -30_000)
    writer.add_uint32("test.u32", 4_000_000_000)
    writer.add_int32("test.i32", -2_000_000_000)
    writer.add_uint64("test.u64", 2**64 - 1)
    writer.add_int64("test.i64", -9_000_000_000_000_000_000)
    writer.add_float32("test.f32", 0.5)
    writer.add_float64("test.f64", 1e-300)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "grüße")
    writer.add_array("test.strings", ["a", "", "long enough"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.25, -8.0])
    writer.add_tensor("matrix", np.arange(1, 7, dtype=np.float32).reshape(2, 3))
    values = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
    writer.add_tensor("blocks", quantize(values, GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
