#!/usr/bin/env python3
"""Writes numbers and what ggml makes of them in each quantised type.

    VENV/bin/pip install gguf==0.19.0 safetensors numpy
    VENV/bin/python tests/golden/engine/make_quantise_goldens.py LLAMA_CPP_BUILD/ggml/src/libggml-base.a

blocks/quantised.safetensors holds
    values        [n] float32: normal ones of several spreads, all equal, all zero, one outlier in a block
    TYPE.blocks   uint8: of the types with one possible result, by the gguf package
    TYPE.rms      [1] float32: of the error of llama.cpp's quantiser (no importance) on normal numbers, the first
                  `normal` values; for Q4_K, Q5_K and Q6_K
    normal        [1] int32
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
NORMAL = 16 * 256
PROGRAM = """
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>
extern "C" size_t ggml_quantize_chunk(int, const float*, void*, int64_t, int64_t, int64_t, const float*);
int main(int, char** arguments) {
    const int64_t count = atoll(arguments[2]);
    std::vector<float> values(count);
    std::vector<char> blocks(count * 4);
    if (fread(values.data(), 4, count, stdin) != size_t(count)) return 1;
    fwrite(blocks.data(), 1, ggml_quantize_chunk(atoi(arguments[1]), values.data(), blocks.data(), 0, 1, count, nullptr), stdout);
}
"""


def compiled(library):
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "quantise.cc").write_text(PROGRAM)
    subprocess.run(["g++", folder / "quantise.cc", library, "-fopenmp", "-ldl", "-o", folder / "quantise"], check=True)
    return folder / "quantise"


def values_of(random):
    normal = random.standard_normal(NORMAL).astype(np.float32)
    normal[NORMAL // 2:] *= 0.02
    shifted = (random.standard_normal(256) * 0.1 + 1).astype(np.float32)
    outlier = random.standard_normal(256).astype(np.float32)
    outlier[::32] = 50
    wide = (random.standard_normal(256) * np.exp(random.uniform(-20, 8, 256))).astype(np.float32)
    return np.concatenate([normal, shifted, outlier, wide, np.full(256, -0.3, np.float32), np.zeros(256, np.float32)])


def main():
    program = compiled(sys.argv[1])
    random = np.random.default_rng(11)
    values = values_of(random)
    tensors = {"values": values, "normal": np.array([NORMAL], dtype=np.int32)}
    for name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4"):
        tensors[f"{name}.blocks"] = quantize(values, GGMLQuantizationType[name]).reshape(-1)
    for name in ("Q4_K", "Q5_K", "Q6_K"):
        kind = GGMLQuantizationType[name]
        source = values[:NORMAL]
        made = subprocess.run([program, str(kind.value), str(NORMAL)], input=source.tobytes(), stdout=subprocess.PIPE, check=True)
        blocks = np.frombuffer(made.stdout, dtype=np.uint8)
        error = dequantize(blocks, kind).reshape(-1) - source
        tensors[f"{name}.rms"] = np.array([np.sqrt(np.mean(error.astype(np.float64) ** 2))], dtype=np.float32)
        print(name, tensors[f"{name}.rms"])
    save_file(tensors, HERE / "blocks" / "quantised.safetensors")


if __name__ == "__main__":
    main()
