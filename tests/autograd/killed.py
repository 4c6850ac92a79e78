"""Processes are killed while they save: what remains is the older or the newer file, whole.

python -m tests.autograd.killed --kills 300 [module] [compiled] [drawing] [--named]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograd import Value, compile, draw
from nn import MLP

Save = Callable[[Path], Any]


def modules() -> list[Save]:
    return [MLP(8, [32, 32, 1], seed=seed).save for seed in (1, 2)]


def functions() -> list[Save]:
    compiled = [compile(lambda x: x * x), compile(lambda x: x * x * x + 1.0)]
    for function in compiled:
        function(2.0)
    return [function.save for function in compiled]


def drawings() -> list[Save]:
    drawn = [draw(Value(number) * 3.0) for number in (1.0, 2.0)]
    return [drawing.save for drawing in drawn if drawing.svg]


SAVING = {
    "module": (modules, "model.safetensors"),
    "compiled": (functions, "function"),
    "drawing": (drawings, "graph.svg"),
}


def litter_of(what: str, kills: int, seed: int = 0) -> int:
    """Kill processes that save, at random moments; tell how many files they have left behind."""
    make, name = SAVING[what]
    saves, generator = make(), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        whole = set()
        for save in saves:
            started = time.perf_counter()
            save(path)
            took = time.perf_counter() - started
            whole.add(path.read_bytes())
        assert len(whole) == len(saves)
        for _ in range(kills):
            child = os.fork()
            if not child:
                while True:
                    for save in saves:
                        save(path)
            time.sleep(generator.uniform(0.0, 4.0 * took))
            os.kill(child, signal.SIGKILL)
            assert os.waitpid(child, 0)[1] == signal.SIGKILL, "a process ended by itself"
            assert path.read_bytes() in whole, "the file is neither the older nor the newer one"
        return len(os.listdir(folder)) - 1  # noqa: PTH208


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--named", action="store_true", help="without files that have no name")
    parser.add_argument("what", nargs="*", default=[*SAVING], help="all, if not given")
    options = parser.parse_args()
    if options.named and hasattr(os, "O_TMPFILE"):
        del os.O_TMPFILE
    for what in options.what:
        sys.stdout.write(f"{litter_of(what, options.kills)}\n")


if __name__ == "__main__":
    main()
