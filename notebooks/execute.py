"""Execute the notebooks, and hold what they print to what is stored in them.

A cell that raises fails, and so does one that prints another text or other numbers than are stored.
Cells with the tag "measured" print what differs from run to run or from machine to machine, such as
times, and are executed only. Pictures are not compared.

    python notebooks/execute.py                              # every notebook, two at a time
    python notebooks/execute.py 01_a_single_neuron --store   # put the new outputs in its file
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import os
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

FOLDER = Path(__file__).parent
FORM = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
AT_ONCE = 2  # a kernel is a process, and as a rule works on one core
MEASURED = {"tags": ["measured"]}  # the metadata of a cell that prints times
NUMBER = re.compile(r"[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?")

# What rounding may change: a unit of the last digit printed, digits that another processor's
# elementary functions give otherwise, and an error that is itself rounding, told by its size.
RELATIVE, ROUNDING = 1e-9, 1e-12


def execute(notebook: Any) -> Any:
    """Execute a notebook in its folder, from top to bottom, and remove what is of this machine."""
    executed = nbformat.from_dict(notebook)
    client = NotebookClient(
        executed,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(FOLDER)}},
    )
    # A loop of its own, which is closed: this may be any thread. No progress bars are stored.
    asyncio.run(client.async_execute(env={**os.environ, "TQDM_DISABLE": "1"}))
    executed.metadata = nbformat.from_dict(FORM)
    for number, cell in enumerate(executed.cells):
        cell.id = f"cell-{number:02d}"
        measured = "measured" in cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict(MEASURED if measured else {})
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = {}
            if "image/svg+xml" in output.get("data", {}):
                output.data["image/svg+xml"] = compact(output.data["image/svg+xml"])
                output.data["text/plain"] = "<Figure>"
    return executed


def compact(svg: str) -> str:
    """Shorten a picture: one line, places to a hundredth of a point, nothing about its maker."""

    def rounded(outline: re.Match[str]) -> str:
        return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", outline[0])

    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(?<=[ \n](?:d|x|y)=")[^"]*', rounded, svg)
    return re.sub(r"> <", "><", re.sub(r"\s*\n\s*", " ", svg.strip()))


def printed(cell: Any) -> str:
    """Return what a cell prints, and the text of its value."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output["output_type"] == "stream":
            texts.append(output["text"])
        elif not any(kind.startswith("image/") for kind in data):
            texts.append(data.get("text/plain", ""))
    return "\n".join(texts)


def agree(stored: str, executed: str) -> bool:
    """Tell whether two lines are the same, except for the rounding of numbers and for spaces."""
    if NUMBER.sub("0", stored).split() != NUMBER.sub("0", executed).split():
        return False
    return all(map(_agree, NUMBER.findall(stored), NUMBER.findall(executed)))


def _agree(stored: str, executed: str) -> bool:
    a, b = (float(text.replace("−", "-").replace(",", "")) for text in (stored, executed))
    if max(abs(a), abs(b)) < ROUNDING and max(_digits(stored), _digits(executed)) == 1:
        return True  # 3e-16, and 0e+00
    return abs(a - b) <= max(min(_unit(stored), _unit(executed)), RELATIVE * abs(a))


def _digits(text: str) -> int:
    return len(re.findall(r"\d", text.partition("e")[0]))


def _unit(text: str) -> float:
    """Return a unit of the last digit of a number with a point or an exponent; 0 of an integer."""
    mantissa, _, exponent = text.partition("e")
    _, point, decimals = mantissa.partition(".")
    if not point and not exponent:
        return 0.0
    return 1.0000001 * 10.0 ** (int(exponent or 0) - len(decimals))


def differences(stored: Any, executed: Any) -> list[str]:
    """List the cells that print something other than what is stored, each with both texts."""
    found = []
    for before, after in zip(stored["cells"], executed["cells"], strict=True):
        if before["metadata"] == MEASURED:
            continue
        old, new = printed(before).splitlines(), printed(after).splitlines()
        if len(old) != len(new) or not all(map(agree, old, new)):
            source = before["source"].strip().splitlines()[0]
            lines = difflib.unified_diff(old, new, "stored", "executed", lineterm="", n=0)
            found.append("\n".join([f"the cell that begins with {source!r}:", *lines]))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute notebooks, say what differs, and return the exit status."""
    parser = argparse.ArgumentParser("python notebooks/execute.py")
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks; by default all")
    parser.add_argument("--store", action="store_true", help="put the new outputs in the files")
    options = parser.parse_args(arguments)
    names = [Path(name).stem for name in options.names]
    names = names or sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(lambda name: _held(name, store=options.store), names))
    return int(not all(passed))


def _held(name: str, *, store: bool) -> bool:
    """Execute a notebook and say what differs; return whether it is as stored, or now is."""
    path = FOLDER / f"{name}.ipynb"
    stored = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    try:
        executed = execute(stored)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{name}: {error}")
        return False
    lines = [f"{name}: executed in {time.perf_counter() - start:.0f} s"]
    found = differences(stored, executed)
    lines += [f"{name}: other numbers than are stored in {difference}" for difference in found]
    print("\n".join(lines))
    if store:
        nbformat.write(executed, path)
    return store or not found


if __name__ == "__main__":
    sys.exit(main())
