"""What the benchmarks of servers share: a server that runs, what it says of itself, and adapters of random numbers."""
import array
import contextlib
import json
import random
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.request

# Layers, and the widths of embedding, keys and the feed-forward, of the shapes that `capstan_random_gguf` writes.
SHAPES = {"15M": (6, 288, 288, 768), "110M": (12, 768, 768, 2048), "1.2B": (16, 2048, 512, 8192)}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(command, port, log):
    """Yields (url, pid) once it answers /health; ends it afterwards."""
    process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended: see its log")
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(url + "/health", timeout=1).status == 200:
                    break
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(60)


def memory_mb(pid):
    """What the process holds of memory, without the files that it maps."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"RssAnon:\s+(\d+) kB", status.read()).group(1)) / 1024


def metrics(url):
    """The engine's gauges and counters, without their labels."""
    with urllib.request.urlopen(url + "/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    return {line.split("{")[0].split(" ")[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def write_adapter(folder, shape, seed, rank=16):
    """A LoRA adapter of random numbers on all linear layers of a shape, in PEFT's layout, BF16."""
    layers, hidden, key, intermediate = SHAPES[shape]
    modules = {
        "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (key, hidden), "self_attn.v_proj": (key, hidden),
        "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (intermediate, hidden),
        "mlp.up_proj": (intermediate, hidden), "mlp.down_proj": (hidden, intermediate),
    }
    draw = random.Random(seed)
    pool = array.array("H", (0x3B00 | draw.getrandbits(7) | draw.getrandbits(1) << 15 for _ in range(1 << 16))).tobytes()
    header, offset = {}, 0
    for layer in range(layers):
        for module, (out, inner) in modules.items():
            for part, sizes in (("A", [rank, inner]), ("B", [out, rank])):
                size = 2 * sizes[0] * sizes[1]
                name = f"base_model.model.model.layers.{layer}.{module}.lora_{part}.weight"
                header[name] = {"dtype": "BF16", "shape": sizes, "data_offsets": [offset, offset + size]}
                offset += size
    folder.mkdir(parents=True)
    text = json.dumps(header).encode()
    with open(folder / "adapter_model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + (pool * (offset // len(pool) + 1))[:offset])
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": [name.split(".")[1] for name in modules]}))
