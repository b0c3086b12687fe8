#!/usr/bin/env python3
"""Compares `capstan engine` with llama-server, and with that of ik_llama.cpp, under load, on the same GGUF file, on this machine.

    bench/engine/serve.py --model FILE.gguf [--llama FOLDER] [--ik FOLDER] [--work cold one streams shared stall json queue adapters]

Each work is measured on a fresh server, of each program in turn, so often as --rounds says; medians are shown, and the
ratio to each peer. Requests are sent by `capstan bench serve`.
"""
import argparse
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from running import free_port, server, write_adapter

TOP = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 40, "maxItems": 80},
    },
    "required": ["name", "tags"],
    "additionalProperties": False,
}


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.log = open(arguments.log, "ab")

    def capstan(self, *extra):
        port = free_port()
        return server(
            [self.arguments.capstan, "engine", "--model", self.arguments.model, "--name", "m", "--port", port,
             "--threads", self.arguments.threads, *extra], port, self.log)

    # llama.cpp's, or that of a fork, from the folder.
    def llama(self, folder, *extra):
        port = free_port()
        return server(
            [folder / "llama-server", "-m", self.arguments.model, "-a", "m", "--port", port, "-t", self.arguments.threads,
             "-np", "8", "-c", "16384", *extra], port, self.log)

    def servers(self):
        yield "capstan", self.capstan
        for name, folder in (("llama.cpp", self.arguments.llama), ("ik", self.arguments.ik)):
            if folder and (folder / "llama-server").exists():
                yield name, functools.partial(self.llama, folder)

    def load(self, url, pid, *extra):
        out = subprocess.run(
            [str(self.arguments.capstan), "--json", "bench", "serve", "--server", url, "--server-pid", str(pid),
             *map(str, extra)], capture_output=True, text=True)
        if out.returncode != 0:
            sys.exit(out.stderr)
        return json.loads(out.stdout)


def completions(url, body):
    """Yields (seconds since the request, event) of a stream."""
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=600) as response:
        for line in response:
            if line.startswith(b"data: {"):
                yield time.monotonic() - begun, json.loads(line[6:])


def cold(bench, start):
    """From the start of the process until it listens, and until the first token; the file is in the page cache."""
    with open(bench.arguments.model, "rb") as file:
        while file.read(1 << 24):
            pass
    begun = time.monotonic()
    with start() as (url, _):
        listens = time.monotonic() - begun
        body = {"model": "m", "prompt": "Once upon a time", "max_tokens": 1, "stream": True}
        list(completions(url + "/v1/completions", body))
        return {"listens ms": listens * 1000, "first token ms": (time.monotonic() - begun) * 1000}


def streams(bench, start):
    """Eight at once, 128 + 128 tokens: tokens a second in all."""
    with start() as (url, pid):
        seen = bench.load(url, pid, "--model", "m", "--requests", 8, "--warm-up", 1)
        return {"tokens/s": seen["completion_tokens_per_second"], "first token ms": seen["first_token_ms"]["p50"],
                "failed": seen["failed"]}


def one_stream(bench, start):
    """One, 128 + 128 tokens."""
    with start() as (url, pid):
        seen = bench.load(url, pid, "--model", "m", "--requests", 1, "--warm-up", 1)
        return {"tokens/s": seen["completion_tokens_per_second"], "first token ms": seen["first_token_ms"]["p50"],
                "failed": seen["failed"]}


def shared(bench, start):
    """Eight at once, 512 shared + 128 own tokens, all cold, 128 new ones."""
    with start() as (url, pid):
        seen = bench.load(url, pid, "--model", "m", "--requests", 8, "--shared-tokens", 512)
        return {"tokens/s": seen["completion_tokens_per_second"], "first token ms": seen["first_token_ms"]["p50"],
                "cached tokens": seen["cached_prompt_tokens"], "failed": seen["failed"]}


def stall(bench, start):
    """The longest gap in one stream while another sends 1,900 tokens."""
    with start() as (url, pid), tempfile.TemporaryDirectory() as folder:
        records = pathlib.Path(folder) / "records"
        reader = subprocess.Popen(
            [str(bench.arguments.capstan), "--json", "bench", "serve", "--server", url, "--model", "m", "--requests",
             "1", "--prompt-tokens", "16", "--completion-tokens", "400", "--records", str(records)],
            stdout=subprocess.DEVNULL)
        time.sleep(2)
        bench.load(url, pid, "--model", "m", "--requests", 1, "--prompt-tokens", 1900, "--completion-tokens", 1)
        reader.wait()
        pieces = json.loads(records.read_text())["pieces_us"]
        gaps = sorted(b - a for a, b in zip(pieces, pieces[1:]))
        return {"longest gap ms": gaps[-1] / 1000, "median gap ms": gaps[len(gaps) // 2] / 1000}


def json_schema(bench, start):
    """Tokens a second with a JSON schema, and without, one stream."""
    with start() as (url, _):
        rates = {}
        for name, extra in (("free", {"ignore_eos": True}), ("schema", {
                "response_format": {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": SCHEMA}}})):
            body = {"model": "m", "messages": [{"role": "user", "content": "Name forty animals."}], "max_tokens": 128,
                    "temperature": 1.0, "seed": 1, "stream": True, "stream_options": {"include_usage": True}, **extra}
            list(completions(url + "/v1/chat/completions", body))  # The grammar is compiled, the prompt is known.
            times, tokens = [], 0
            for at, event in completions(url + "/v1/chat/completions", body):
                choices = event.get("choices") or [{}]
                if choices[0].get("delta", {}).get("content"):
                    times.append(at)
                if event.get("usage"):
                    tokens = event["usage"]["completion_tokens"]
            rates[name] = (tokens - 1) / (times[-1] - times[0])
        return {"free tokens/s": rates["free"], "schema tokens/s": rates["schema"], "ratio": rates["schema"] / rates["free"]}


def queue(bench, start):
    """1,000 requests at once of 16 + 16 tokens, more than run together."""
    with start() as (url, pid):
        seen = bench.load(url, pid, "--model", "m", "--requests", 1000, "--prompt-tokens", 16, "--completion-tokens", 16,
                          "--under-way", 1000)
        return {"tokens/s": seen["completion_tokens_per_second"], "failed": seen["failed"],
                "memory MB": seen["memory_bytes_max"] / 1e6}


def adapters(bench, start):
    """Eight streams of 128 + 128 tokens without adapters, with one each of eight, and 64 streams with one each of 64 (1.2B, rank 16)."""
    if start != bench.capstan:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        names = [f"a{i}" for i in range(64)]
        for i, name in enumerate(names):
            write_adapter(pathlib.Path(folder) / name, "1.2B", i)
        flags = [flag for name in names for flag in ("--adapter", f"{name}={folder}/{name}")]
        with start(*flags, "--kv-bytes", "2GB") as (url, pid):
            seen = {"none": 0.0, "one each": 0.0, "64 without": 0.0, "64 with": 0.0}
            for what, models, calls in (("none", ["m"], 8), ("one each", names[:8], 8), ("64 without", ["m"], 64), ("64 with", names, 64)):
                # A seed for each: what was computed for one must not be there for the next.
                load = bench.load(url, pid, "--requests", calls, "--warm-up", 1, "--seed", len(what), *[
                    flag for model in models for flag in ("--model", model)])
                seen[what] = load["completion_tokens_per_second"]
            return {**seen, "each / none": seen["one each"] / seen["none"], "64 / none": seen["64 with"] / seen["64 without"]}


WORKS = {"cold": cold, "one": one_stream, "streams": streams, "shared": shared, "stall": stall, "json": json_schema, "queue": queue, "adapters": adapters}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--capstan", type=pathlib.Path, default=TOP / "build/release/bin/capstan")
    parser.add_argument("--llama", type=pathlib.Path, default=TOP / ".cache/llama.cpp/bin", help="folder of llama-server")
    parser.add_argument("--ik", type=pathlib.Path, default=os.environ.get("IK_LLAMA_BIN"), help="the same of ik_llama.cpp")
    parser.add_argument("--work", nargs="*", default=list(WORKS), choices=list(WORKS))
    parser.add_argument("--threads", default="2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", default="/dev/null", help="file for what the servers say")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    for work in arguments.work:
        seen = {}
        for _ in range(arguments.rounds):
            for name, start in bench.servers():
                for what, value in WORKS[work](bench, start).items():
                    seen.setdefault(what, {}).setdefault(name, []).append(value)
        print(f"\n{work}: {WORKS[work].__doc__}")
        for what, by_name in seen.items():
            figures = {name: statistics.median(values) for name, values in by_name.items()}
            ratio = "".join(f"   /{name} {figures['capstan'] / value:.2f}" for name, value in figures.items() if name != "capstan" and value)
            print(f"  {what:<18}" + "".join(f"{name} {value:{'10.3f' if value < 10 else '10.1f'}}   " for name, value in figures.items()) + ratio, flush=True)


if __name__ == "__main__":
    main()
