#!/usr/bin/env python3
"""10,000 calls at once on `capstan engine`: what memory they take, who is served when, and whether one is lost.

    bench/engine/many_calls.py [--model FILE]    # the tests' tiny random model when left out: the queue is what is measured

Four keys call: one has 70 % of the calls, the others 10 % each. Three waves: two with a queue that takes all of them,
and one with the queue as it is by default, where the rest must be answered 429 with Retry-After. Served fairly, the busy
key has got as much as each of the others by the time that they have all they asked for.
"""
import argparse
import asyncio
import collections
import json
import pathlib
import resource
import sys
import tempfile
import time

from running import free_port, memory_mb, server

TOP = pathlib.Path(__file__).resolve().parents[2]
KEYS = ["busy"] * 7 + ["b", "c", "d"]


class Wave:
    def __init__(self, port, arguments, seed):
        self.port, self.calls, self.tokens, self.seed = port, arguments.calls, arguments.tokens, seed
        self.connected, self.go = 0, asyncio.Event()  # All connect, and then all ask.
        self.ended = []  # (key, what) in the order in which they ended.

    # One call on a connection of its own: "ok", "429", or what went wrong.
    async def call(self, number):
        key = KEYS[number % len(KEYS)]
        tokens = [10 + (self.seed * 79 + number * 31 + i * i) % 240 for i in range(16)]
        body = json.dumps({"model": "m", "prompt": tokens, "max_tokens": self.tokens, "ignore_eos": True, "user": key}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.connected += 1
            await self.go.wait()
            writer.write(head.encode() + body)
            answer = await reader.read()
            writer.close()
        except OSError as error:
            answer = str(error).encode()
        self.ended.append((key, self.verdict(answer)))

    def verdict(self, answer):
        head, _, body = answer.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 200"):
            return "ok" if json.loads(body[body.index(b"{"):body.rindex(b"}") + 1])["usage"]["completion_tokens"] == self.tokens else "short"
        if head.startswith(b"HTTP/1.1 429") and b"retry-after:" in head.lower():
            return "429"
        return repr(answer[:80])

    async def run(self, pid):
        """Seconds, and memory in MB at most."""
        tasks = [asyncio.create_task(self.call(i)) for i in range(self.calls)]
        while self.connected + len(self.ended) < self.calls:  # Who could not connect has ended.
            await asyncio.sleep(0.1)
        begun, most = time.monotonic(), memory_mb(pid)
        self.go.set()
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0.25)
            most = max(most, memory_mb(pid))
        return time.monotonic() - begun, most

    def fairness(self):
        """What the busy key had got when each of the others had all, over what they got."""
        done, at = collections.Counter(), {}
        total = collections.Counter(key for key, what in self.ended if what == "ok")
        for key, what in self.ended:
            if what == "ok":
                done[key] += 1
                if key != "busy" and done[key] == total[key]:
                    at[key] = done["busy"] / total[key]
        return at


def measure(arguments, flags, waves):
    port = free_port()
    command = [arguments.capstan, "engine", "--model", arguments.model, "--name", "m", "--port", port, "--kv-bytes", "32MB", *flags]
    is_well = True
    with open(arguments.log, "ab") as log, server(command, port, log) as (_, pid):
        print(f"engine {' '.join(map(str, flags)) or 'as it is by default'}: {memory_mb(pid):.1f} MB before")
        for number in range(waves):
            wave = Wave(port, arguments, number)
            seconds, most = asyncio.run(wave.run(pid))
            counts = collections.Counter(what for _, what in wave.ended)
            is_well = is_well and len(wave.ended) == arguments.calls and set(counts) <= {"ok", "429"}
            shares = " ".join(f"{share:.2f}" for share in wave.fairness().values())
            print(f"  wave {number + 1}: {dict(counts)} in {seconds:.1f} s, {counts['ok'] * arguments.tokens / seconds:.0f} tokens/s; memory "
                  f"{most:.1f} MB at most, {memory_mb(pid):.1f} MB after; the busy key's share when the others had all: {shares}", flush=True)
    return is_well


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--capstan", type=pathlib.Path, default=TOP / "build/release/bin/capstan")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--log", default="/dev/null", help="file for what the engine says")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        if arguments.model is None:
            sys.path.insert(0, str(TOP / "tests/api"))
            import random_model

            arguments.model = pathlib.Path(folder)
            random_model.write(arguments.model)
        is_well = measure(arguments, ["--queue", arguments.calls, "--calls", arguments.calls], 2) & measure(arguments, [], 1)
    sys.exit(0 if is_well else "FAILED: a call was lost")


if __name__ == "__main__":
    main()
