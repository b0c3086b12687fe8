"""`capstan engine` with the tiny random model, or another, for as long as a test needs it."""
import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

import random_model

LOOKS = 300  # For its port; a tenth of a second each.


@contextlib.contextmanager
def running_engine(*more, model=None):
    """A folder of its own, which has the random model when there is no other, and its URL."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        if model is None:
            model = home / "model"
            random_model.write(model)
        process = subprocess.Popen([
            os.environ["CAPSTAN_PROGRAM"], "engine", "--model", model, "--name", "tiny", "--port-file", home / "port", *more])
        try:
            yield home, f"http://127.0.0.1:{port_of(process, home / 'port')}"
        finally:
            process.terminate()
            process.wait(30)


def port_of(process, file):
    for _ in range(LOOKS):
        if file.exists() and file.read_text().strip():
            return file.read_text().strip()
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"the engine does not listen; it ended with {process.poll()}")
