#!/usr/bin/env python3
"""What each quantisation loses, as a table in Markdown.

    bench/engine/perplexity.py --capstan build/release/bin/capstan --model FOLDER \
        --text heldout.jsonl --calibration train.jsonl

FOLDER is a model in Hugging Face's layout whose rows are multiples of 256, so that all types are what they are called;
the texts are files, or .jsonl of {"text"}, and must not be the same. Each row is one `capstan model quantize`, to a
folder (int8, int4) or a GGUF file, or `capstan model loss` where nothing is written.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile


# Type and method of each folder, and of each GGUF file: the larger first.
FOLDERS = [(bits, method) for bits in ("int8", "int4") for method in ("rtn", "awq", "gptq")]
FILES = [(kind, "rtn") for kind in ("q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k")]
FILES += [("q4_k", "awq"), ("q4_1", "rtn"), ("q4_0", "rtn"), ("q4_0", "awq"), ("q4_0", "gptq"), ("mxfp4", "rtn")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capstan", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--calibration", required=True)
    parser.add_argument("--tokens-max", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    common = ["--text", options.text, "--tokens-max", str(options.tokens_max), "--threads", str(options.threads)]

    def run(*arguments):
        command = [options.capstan, "--json", "model", *arguments, *common]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def show(name, size, loss):
        print(
            f"| {name} | {size} | {loss['perplexity']:.3f} | {loss['mean_kl_divergence']:.6f} "
            f"| {100 * loss['same_top_token']:.2f} % |",
            flush=True,
        )

    plain = run("loss", options.model)
    print("| weights | MB | perplexity | KL divergence, nats | same first token |\n|---|---|---|---|---|")
    show("as stored", "", {**plain, "perplexity": plain["source_perplexity"]})
    with tempfile.TemporaryDirectory() as scratch:
        for kind, method in FOLDERS + FILES:
            out = str(pathlib.Path(scratch) / f"{kind}-{method}") + ("" if kind.startswith("int") else ".gguf")
            calibration = [] if method == "rtn" else ["--calibration", options.calibration]
            made = run("quantize", options.model, out, "--type", kind, "--method", method, *calibration)
            show(f"{kind}, {method}", f"{made['bytes'] / 1e6:.2f}", made["loss"])
    for bits in ("int8", "int4"):
        show(f"{bits}, at load", "", run("loss", options.model, "--quantize", bits))
    for kind in ("f32", "i8", "i4"):
        show(f"as stored, keys and values {kind}", "", run("loss", options.model, "--kv-type", kind))


if __name__ == "__main__":
    main()
