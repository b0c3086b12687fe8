#!/usr/bin/env python3
"""Compares the engine with llama.cpp and its fork ik_llama.cpp on the same GGUF files, on this machine.

    bench/engine/peers.sh                      # builds llama.cpp (once)
    bench/engine/compare.py --models FOLDER    # makes the files that are missing, then measures

Every round runs each program once on each file, one after the other, so that a busy moment of the machine falls
on all of them; medians of the rounds are shown. What is written in one run may be compared, and nothing else.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
SHAPES = {
    "1.2B": ["F16", "BF16", "Q8_0", "Q4_0", "Q4_K_M"],
    "110M": ["Q8_0", "Q4_0"],
    "15M": ["Q8_0", "Q4_0"],
}


def run(command, stderr=subprocess.PIPE):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{(done.stderr or '')[-2000:]}")
    return done.stdout


def make(arguments, shape, kind):
    file = arguments.models.resolve() / f"{shape}-{kind}.gguf"
    if not file.exists():
        print(f"making {file.name}", file=sys.stderr)
        arguments.models.mkdir(parents=True, exist_ok=True)
        run([arguments.generator, shape, kind, file])
    return file


def ours(arguments, file):
    out = json.loads(run([
        arguments.capstan, "--json", "bench", "engine", file, "--threads", arguments.threads, "--prompt-tokens", "512",
        "--decode-tokens", arguments.decode, "--streams", ",".join(arguments.streams), "--repeats", "1",
    ]))
    figures = {"prefill": out["prefill_tokens_per_second"][0], "read GB/s": out["read_bytes_per_second"][0] / 1e9}
    for decode in out["decode"]:
        figures[f"decode x {decode['streams']}"] = decode["tokens_per_second"][0]
    figures["weights GB"] = out["weight_bytes"] / 1e9
    return figures


def llama(folder, arguments, file):
    bench = folder / "llama-bench"
    out = json.loads(run([
        bench, "-m", file, "-t", arguments.threads, "-p", "512", "-n", arguments.decode, "-r", "1", "-o", "json",
    ]))
    figures = {}
    for row in out:
        figures["prefill" if row["n_prompt"] else "decode x 1"] = row["avg_ts"]
    several = [n for n in arguments.streams if n != "1"]
    batched = folder / "llama-batched-bench"
    if several and batched.exists():
        # Its table: PP, TG, B, N_KV, T_PP, S_PP, T_TG, S_TG (tokens decoded a second, of all), T, S. The fork writes it among its notices.
        text = run([
            batched, "-m", file, "-t", arguments.threads, "-c", "16384", "-npp", "16", "-ntg", arguments.decode,
            "-npl", ",".join(several),
        ], stderr=subprocess.STDOUT)
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            if len(cells) == 10 and cells[0].isdecimal():
                figures[f"decode x {cells[2]}"] = float(cells[7])
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capstan", type=pathlib.Path, default=TOP / "build/release/bin/capstan")
    parser.add_argument("--generator", type=pathlib.Path, default=TOP / "build/bench/bin/capstan_random_gguf")
    parser.add_argument("--llama", type=pathlib.Path, default=TOP / ".cache/llama.cpp/bin", help="folder of llama-bench")
    parser.add_argument("--ik", type=pathlib.Path, default=os.environ.get("IK_LLAMA_BIN"), help="the same of ik_llama.cpp")
    parser.add_argument("--models", type=pathlib.Path, default=TOP / ".cache/models")
    parser.add_argument("--only", nargs="*", default=[], help="such as 1.2B-Q4_0")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--decode", default="128", help="tokens that are decoded")
    parser.add_argument("--streams", default="1,8,16", type=lambda text: text.split(","))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="file for all figures")
    arguments = parser.parse_args()

    programs = {"capstan": lambda file: ours(arguments, file)}
    if (arguments.llama / "llama-bench").exists():
        programs["llama.cpp"] = lambda file: llama(arguments.llama, arguments, file)
    if arguments.ik:
        programs["ik"] = lambda file: llama(arguments.ik, arguments, file)
    files = {
        f"{shape}-{kind}": make(arguments, shape, kind)
        for shape, kinds in SHAPES.items() for kind in kinds
        if not arguments.only or f"{shape}-{kind}" in arguments.only
    }
    seen = {}
    for turn in range(arguments.rounds):
        for name, file in files.items():
            for program, measure in programs.items():
                print(f"round {turn + 1}: {program} {name}", file=sys.stderr)
                for what, value in measure(file).items():
                    seen.setdefault((name, what), {}).setdefault(program, []).append(value)
    report(seen, files, arguments)


def report(seen, files, arguments):
    median = lambda values: statistics.median(values) if values else None
    print("| file | work | capstan | llama.cpp | ik | against the better peer | share of memory's bandwidth |")
    print("|---|---|---|---|---|---|---|")
    for name in files:
        weights = seen[(name, "weights GB")]["capstan"][0]
        read = median(seen[(name, "read GB/s")]["capstan"])
        for what in ["prefill"] + [f"decode x {n}" for n in arguments.streams]:
            by_program = {program: median(values) for program, values in seen[(name, what)].items()}
            own = by_program.pop("capstan")
            better = max(by_program.values(), default=None)
            share = f"{own * weights / read:.2f}" if what == "decode x 1" else ""
            cell = lambda program: f"{by_program[program]:.1f}" if program in by_program else ""
            ratio = f"{own / better:.2f}" if better else ""
            print(f"| {name} | {what} | {own:.1f} | {cell('llama.cpp')} | {cell('ik')} | {ratio} | {share} |")
    if arguments.json:
        arguments.json.write_text(json.dumps({f"{name}: {what}": by for (name, what), by in seen.items()}, indent=2))


if __name__ == "__main__":
    main()
