#!/usr/bin/env python3
"""Random calls on `capstan engine` for a long time, many of them left by their callers, and what is left of them at the end.

    bench/engine/soak.py --model 15M-Q8_0.gguf --minutes 60

Callers ask for random prompts, lengths, adapters, grammars, samplings and numbers of choices; they read to the end, or
close the connection, or set a deadline; some send nonsense. Adapters come and go. Memory for keys and values is short,
so that sequences are preempted, and beginnings of prompts go to a file; so is memory for grammars. Now and then a caller repeats a question of the
first minute, when nobody else was there: its answer must be the same to the letter.

Fails when an answer is not what was asked for, when a call neither ends nor is refused, when memory grows (what is in
use, but for what the engine says that its kept grammars hold, within their bound; more leniently the whole), or when at
the end something runs, waits, or holds a page that no prefix needs. --grammar-share tells what grammars have to do with it.
"""
import argparse
import collections
import http.client
import json
import math
import pathlib
import random
import re
import statistics
import sys
import tempfile
import threading
import time

from running import SHAPES, free_port, memory_mb, metrics, server, write_adapter

TOP = pathlib.Path(__file__).resolve().parents[2]
VOCABULARY = 32_000
STUCK_SECONDS = 300  # A call that takes longer is stuck: all have deadlines below that, or few tokens.
SCHEMA = {
    "type": "object",
    "properties": {"town": {"enum": ["Bern", "Oslo"]}, "days": {"type": "integer", "minimum": 0, "maximum": 9},
                   "notes": {"type": "array", "items": {"type": "string", "maxLength": 6}, "maxItems": 3}},
    "required": ["town", "days", "notes"],
    "additionalProperties": False,
}
ADAPTERS = ["a0", "a1", "a2", "a3"]


class Record:
    """What was seen, by all callers."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.errors = []

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def error(self, what):
        with self.lock:
            self.counts["ERRORS"] += 1
            if len(self.errors) < 20:
                self.errors.append(what)
                print(f"ERROR {what}", file=sys.stderr, flush=True)


def spread(chance, least, most):
    """Between the two, small ones more often."""
    return round(math.exp(chance.uniform(math.log(least), math.log(most))))


def random_prompt(chance):
    tokens = [chance.randrange(300, VOCABULARY) for _ in range(spread(chance, 1, 400))]
    if chance.random() < 0.4:  # One of eight beginnings that others have, too.
        shared = random.Random(chance.randrange(8))
        tokens = [shared.randrange(300, VOCABULARY) for _ in range(200)] + tokens
    return tokens


def random_constraint(chance):
    """Fields of a request, and what a whole answer must be."""
    kind = chance.randrange(5)
    if kind == 0:
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}}, is_weather
    if kind == 1:
        return {"guided_regex": "[a-f]{3,20}(-[0-9]+)?"}, lambda text: re.fullmatch("[a-f]{3,20}(-[0-9]+)?", text)
    if kind == 2:
        return {"guided_choice": ["yes", "no", "perhaps"]}, lambda text: text in ("yes", "no", "perhaps")
    if kind == 3:
        grammar = 'root ::= item ("," item)*\nitem ::= [0-9]+ | "(" root ")"'
        return {"guided_grammar": grammar}, lambda text: re.fullmatch(r"[0-9,()]+", text) and text.count("(") == text.count(")")
    return {"response_format": {"type": "json_object"}}, lambda text: isinstance(json.loads(text), dict)


def is_weather(text):
    told = json.loads(text)
    return sorted(told) == ["days", "notes", "town"] and told["town"] in ("Bern", "Oslo") and 0 <= told["days"] <= 9


def random_call(chance, grammar_share):
    """Path, body, and what must be true of each choice that ended by itself."""
    body = {
        "model": chance.choice(["m", "m", *ADAPTERS]), "max_tokens": spread(chance, 1, 150), "user": f"u{chance.randrange(5)}",
        "temperature": chance.choice([0, 0.7, 1.0, 1.3]), "seed": chance.randrange(1000), "stream": chance.random() < 0.6,
    }
    check = None
    if chance.random() < grammar_share:
        extra, check = random_constraint(chance)
        body |= extra
    elif chance.random() < 0.5:
        body["ignore_eos"] = True
    for name, value in (
            ("top_p", 0.9), ("top_k", 40), ("min_p", 0.05), ("typical_p", 0.9), ("repetition_penalty", 1.1),
            ("frequency_penalty", 0.5), ("stop", ["e", "\n\n"]), ("n", 3)):
        if chance.random() < 0.12:
            body[name] = value
    if chance.random() < 0.15:
        body["timeout_ms"] = spread(chance, 1, 2000)
        body["priority"] = chance.randrange(-2, 3)  # Behind others it may wait for ever: so only of those that end.
    if "stop" in body:
        check = None
    if chance.random() < 0.5:
        body["messages"] = [{"role": "user", "content": "".join(chance.choices("abc deф<|>{\n", k=spread(chance, 1, 300)))}]
        if chance.random() < 0.2:
            body |= {"logprobs": True, "top_logprobs": 3}
        return "/v1/chat/completions", body, check
    body["prompt"] = [random_prompt(chance) for _ in range(3)] if chance.random() < 0.1 else random_prompt(chance)
    if chance.random() < 0.2:
        body["logprobs"] = 2
        body["echo"], check = True, None
    return "/v1/completions", body, check


NONSENSE = [
    ("/v1/completions", b"{"), ("/v1/completions", b'{"model": "m"}'), ("/v1/completions", b'{"model": "m", "prompt": "a", "n": 0}'),
    ("/v1/chat/completions", b'{"model": "m", "messages": 5}'), ("/v1/completions", b'{"model": "m", "prompt": [99999999]}'),
    ("/v1/completions", b'{"model": "m", "prompt": "a", "guided_regex": "(((("}'),
    ("/v1/completions", b'{"model": "m", "prompt": "a", "guided_grammar": "root ::= root"}'),
    ("/v1/completions", json.dumps({"model": "m", "prompt": [5] * 5000}).encode()),
    ("/v1/completions", b'{"model": "none", "prompt": "a"}'),
]


class Caller:
    def __init__(self, port, seed, record, grammar_share=0.3):
        self.port = port
        self.grammar_share = grammar_share
        self.chance = random.Random(seed)
        self.record = record
        self.body = None  # Of the last call.

    def post(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STUCK_SECONDS)
        data = body if isinstance(body, bytes) else json.dumps(body)
        connection.request("POST", path, data, {"Content-Type": "application/json"})
        return connection

    def call(self):
        if self.chance.random() < 0.05:
            return self.send_nonsense()
        path, body, check = random_call(self.chance, self.grammar_share)
        self.body = body
        connection = self.post(path, body)
        try:
            if self.chance.random() < 0.25:
                return self.leave(connection, body)
            return self.read(connection, body, check)
        finally:
            connection.close()

    def send_nonsense(self):
        path, body = self.chance.choice(NONSENSE)
        connection = self.post(path, body)
        status = connection.getresponse().status
        connection.close()
        if status not in (400, 404):
            self.record.error(f"{status} for {body[:80]}")
        self.record.count("nonsense refused")

    # Before the answer, or somewhere in it.
    def leave(self, connection, body):
        if body["stream"] and self.chance.random() < 0.7:
            response = connection.getresponse()
            for _ in range(self.chance.randrange(40)):
                if not response.readline():
                    break
        else:
            time.sleep(self.chance.random() ** 3 * 2)
        self.record.count("left by the caller")

    def read(self, connection, body, check):
        response = connection.getresponse()
        text = response.read().decode()
        if response.status == 404 and body["model"] in ADAPTERS:
            return self.record.count("adapter was away")
        if response.status == 429 and response.getheader("Retry-After"):
            return self.record.count("429 with Retry-After")
        if response.status == 504 and "timeout_ms" in body:
            return self.record.count("late")
        if response.status != 200:
            return self.record.error(f"{response.status} {text[:300]} for {json.dumps(body)[:300]}")
        if body["stream"] and "data: [DONE]" not in text:
            if "timeout_ms" in body and '"error"' in text:
                return self.record.count("late in its stream")
            return self.record.error(f"a stream without an end: {text[-300:]} for {json.dumps(body)[:300]}")
        for answer, reason in choices_of(text, body["stream"]):
            self.record.count(f"ended by {reason}")
            if check and reason == "stop" and not holds(check, answer):
                self.record.error(f"{answer!r} is not what was asked for: {json.dumps(body)[:300]}")


def choices_of(text, is_stream):
    """(text, reason) of each choice."""
    documents = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: {")] if is_stream else [json.loads(text)]
    texts, reasons = collections.defaultdict(str), {}
    for document in documents:
        for choice in document["choices"]:
            part = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
            texts[choice["index"]] += part.get("content") or ""
            reasons[choice["index"]] = choice.get("finish_reason") or reasons.get(choice["index"])
    return [(texts[index], reason) for index, reason in reasons.items()]


def holds(check, answer):
    try:
        return bool(check(answer))
    except (ValueError, KeyError, TypeError):
        return False


class Probes:
    """Questions whose answers are known from when nobody else was there."""

    def __init__(self, caller, has_grammars):
        chance = random.Random(7)
        self.bodies = []
        for i in range(24):
            body = {"model": "m", "prompt": random_prompt(chance), "max_tokens": spread(chance, 4, 60), "seed": i, "logprobs": 1,
                    "temperature": 0 if i % 2 else 0.8, "ignore_eos": True}
            self.bodies.append(body | (random_constraint(chance)[0] if has_grammars and i % 3 == 0 else {}))
        self.answers = [self.ask(caller, body) for body in self.bodies]

    @staticmethod
    def ask(caller, body):
        connection = caller.post("/v1/completions", body)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer.get("choices", answer)

    def repeat(self, caller):
        i = caller.chance.randrange(len(self.bodies))
        again = self.ask(caller, self.bodies[i])
        if isinstance(again, dict):
            return caller.record.error(f"probe {i}: {again}")
        caller.record.count("probes repeated")
        if again != self.answers[i]:
            caller.record.error(f"probe {i} differs:\n{self.answers[i]}\n{again}")


def call_until(end, caller, probes):
    while time.monotonic() < end:
        try:
            if caller.chance.random() < 0.05:
                probes.repeat(caller)
            else:
                caller.call()
            caller.record.count("calls")
        except TimeoutError:
            caller.record.error(f"stuck: no answer for {json.dumps(caller.body)[:500]}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            caller.record.error(f"{type(error).__name__}: {error}")


def change_adapters(end, caller, folder):
    """Drops one and loads it again."""
    while time.monotonic() < end:
        time.sleep(caller.chance.uniform(0.2, 4))
        name = caller.chance.choice(ADAPTERS)
        for path, body in (("unload", {"lora_name": name}), ("load", {"lora_name": name, "lora_path": f"{folder}/{name}"})):
            connection = caller.post(f"/v1/{path}_lora_adapter", body)
            response = connection.getresponse()
            text = response.read().decode()
            connection.close()
            if response.status != 200:
                caller.record.error(f"{path} of {name}: {response.status} {text[:200]}")
            caller.record.count(f"adapters {path}ed")


def memory_of(now, pid):
    """In MB."""
    return {"resident": memory_mb(pid), "in use": now["capstan_engine_heap_bytes"] / 2**20,
            "kept by malloc": now["capstan_engine_heap_free_bytes"] / 2**20, "grammars": now["capstan_engine_grammar_bytes"] / 2**20}


def watch(end, url, pid, record):
    """Memory every second; a line a minute."""
    begun, seen, shown = time.monotonic(), [], 0
    while time.monotonic() < end:
        time.sleep(1)
        now = metrics(url)
        seen.append(memory_of(now, pid))
        minute = int((time.monotonic() - begun) / 60)
        if minute > shown:
            shown = minute
            memory = ", ".join(f"{what} {statistics.median(one[what] for one in seen[-60:]):.1f}" for what in seen[0])
            print(f"minute {minute:3}: MB {memory}   {now['vllm:num_requests_running']:3.0f} run, "
                  f"{now['vllm:num_requests_waiting']:3.0f} wait   calls {record.counts['calls']}   preemptions "
                  f"{now['vllm:num_preemptions_total']:.0f}   errors {record.counts['ERRORS']}", flush=True)
    return seen


def settle(url, caller, record):
    """What is left when nobody calls any more."""
    for _ in range(300):
        now = metrics(url)
        if now["vllm:num_requests_running"] == 0 and now["vllm:num_requests_waiting"] == 0:
            break
        time.sleep(0.1)
    left = {"running": now["vllm:num_requests_running"], "waiting": now["vllm:num_requests_waiting"],
            "share of pages held": now["vllm:kv_cache_usage_perc"]}
    kept = now["capstan_engine_kv_cached_bytes"] / 1e6
    caller.post("/sleep", {}).getresponse().read()
    time.sleep(1)
    asleep = metrics(url)
    left["prefix bytes held when asleep"] = asleep["capstan_engine_kv_cached_bytes"]
    left["grammar bytes held when asleep"] = asleep["capstan_engine_grammar_bytes"]
    for what, value in left.items():
        if value != 0:
            record.error(f"at the end: {what} {value}")
    print(f"at the end: {left}; the prefix tree kept {kept:.1f} MB before")


def check_memory(seen, grammar_mb_max, record):
    """What malloc has in use beside kept grammars must not grow: a leak would. What it keeps for later is shared out among
    threads and may settle late, so the whole may grow a little more; grammars must keep within their bound."""
    fifth = max(1, len(seen) // 5)
    for what, share, mb, of in (
            ("memory in use beside grammars", 0.03, 2, lambda one: one["in use"] - one["grammars"]),
            ("memory", 0.15, 16, lambda one: one["resident"])):
        values = [of(one) for one in seen]
        early, late = statistics.median(values[fifth:2 * fifth]), statistics.median(values[-fifth:])
        print(f"{what}: {early:.1f} MB in the second fifth, {late:.1f} MB in the last, {max(values):.1f} MB at most")
        if late > early * (1 + share) + mb:
            record.error(f"{what} grew from {early:.1f} to {late:.1f} MB")
    most = max(one["grammars"] for one in seen)
    print(f"kept grammars: {most:.1f} MB at most")
    if most > grammar_mb_max * 1.5:  # They are dropped when the next request comes.
        record.error(f"kept grammars hold {most:.1f} MB, and may hold {grammar_mb_max}")


def soak(arguments, folder, url, pid):
    record = Record()
    port = int(url.rsplit(":", 1)[1])
    probes = Probes(Caller(port, 0, record), has_grammars=arguments.grammar_share > 0)
    end = time.monotonic() + arguments.minutes * 60
    threads = [threading.Thread(target=call_until, args=(end, Caller(port, arguments.seed * 1000 + i, record, arguments.grammar_share), probes))
               for i in range(arguments.callers)]
    threads.append(threading.Thread(target=change_adapters, args=(end, Caller(port, arguments.seed, record), folder)))
    for thread in threads:
        thread.start()
    memory = watch(end, url, pid, record)
    for thread in threads:
        thread.join()
    settle(url, Caller(port, 0, record), record)
    check_memory(memory, arguments.grammar_mb, record)
    for what, count in sorted(record.counts.items()):
        print(f"  {count:8} {what}")
    return not record.errors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="a file of capstan_random_gguf")
    parser.add_argument("--shape", default="15M", choices=list(SHAPES), help="the file's")
    parser.add_argument("--capstan", type=pathlib.Path, default=TOP / "build/release/bin/capstan")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--callers", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--grammar-share", type=float, default=0.3, help="of the calls, those whose answers are constrained")
    parser.add_argument("--grammar-mb", type=int, default=16, help="memory for kept grammars")
    parser.add_argument("--log", default="/dev/null", help="file for what the engine says")
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="more for the engine; the last argument")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open(arguments.log, "ab") as log:
        for i, name in enumerate(ADAPTERS):
            write_adapter(pathlib.Path(folder) / name, arguments.shape, i)
        port = free_port()
        command = [arguments.capstan, "engine", "--model", arguments.model, "--name", "m", "--port", port, "--kv-bytes", "24MB",
                   "--prefix-cache", f"{folder}/prefixes", "--prefix-cache-bytes", "256MB", "--guesses", "3", "--runtime-adapters",
                   "--grammar-cache-bytes", f"{arguments.grammar_mb}MB",
                   *[flag for name in ADAPTERS for flag in ("--adapter", f"{name}={folder}/{name}")], *arguments.flags]
        with server(command, port, log) as (url, pid):
            is_well = soak(arguments, folder, url, pid)
    print("no errors" if is_well else "FAILED")
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
