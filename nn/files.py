"""Numbers in safetensors files, with a checksum that reveals damage."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograd.writing import write_whole

__all__ = ["packages", "parsed", "read_arrays", "write_arrays"]

KEY = "scalar-autograd"
"""The key of the checksum in the metadata, `__metadata__`, of a file."""
MARK = "scalar-autograd sha256 "
"""The beginning of the checksum, so that damage to the key alone is noticed too."""
UNKNOWN = "0" * 64
PURPOSE = "saving and loading parameters needs"


def write_arrays(path: str | os.PathLike[str], numbers: Mapping[str, Any]) -> None:
    """Write numbers to a safetensors file, as arrays of doubles, bit for bit.

    The checksum covers all bytes of the file, with zeros in place of its own digits.

    Args:
        path: The file; it is written whole or not at all, and replaces an existing one.
        numbers: By name, a float or a list of floats.

    Raises:
        ImportError: NumPy or safetensors is missing.
        OSError: The file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_arrays(f"{folder}/file", {"weights": [0.5, -1.0], "bias": 2.0})
        ...     read_arrays(f"{folder}/file")
        {'bias': 2.0, 'weights': [0.5, -1.0]}
    """
    numpy, safetensors = packages(PURPOSE)
    arrays = {name: numpy.array(entry, dtype=float) for name, entry in numbers.items()}
    content: bytes = safetensors.numpy.save(arrays, metadata={KEY: MARK + UNKNOWN})
    digits = hashlib.sha256(content).hexdigest()
    # The metadata come first in a file, before any other name.
    write_whole(path, content.replace(_sealed(UNKNOWN), _sealed(digits), 1))


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a safetensors file, whatever program wrote it. Reading cannot run code.

    Args:
        path: The file.

    Returns:
        By name, in sorted order, a number or nested lists of numbers.

    Raises:
        ImportError: NumPy or safetensors is missing.
        OSError: The file cannot be read.
        ValueError: The file is damaged, or has a different format.
    """
    _, safetensors = packages(PURPOSE)
    content, arrays, metadata = parsed(path, safetensors)
    for key, text in metadata.items():
        if key != KEY and not text.startswith(MARK):
            continue  # another program's metadata
        digits = text.removeprefix(MARK)
        blank = content.replace(_sealed(digits), _sealed(UNKNOWN), 1)
        if key != KEY or hashlib.sha256(blank).hexdigest() != digits:
            raise ValueError(f"{path} is damaged: its checksum does not match its content")
    return {name: arrays[name].tolist() for name in sorted(arrays)}


def parsed(
    path: str | os.PathLike[str], safetensors: Any
) -> tuple[bytes, dict[str, Any], dict[str, str]]:
    """Read the parts of a safetensors file.

    Args:
        path: The file.
        safetensors: The package, as returned by `packages`.

    Returns:
        Its content, its arrays by name, and its metadata.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is damaged, or has a different format.
    """
    content = Path(path).read_bytes()
    try:
        arrays = safetensors.numpy.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = header.get("__metadata__") or {}
    # KeyError: a type that NumPy lacks.
    except (
        safetensors.SafetensorError, KeyError, ValueError, TypeError, RecursionError
    ) as error:  # fmt: skip
        raise ValueError(f"{path} is damaged, or not a safetensors file: {error}") from error
    return content, arrays, metadata


def packages(purpose: str) -> tuple[Any, Any]:
    """Import NumPy and safetensors, or say what they are needed for."""
    try:
        import numpy
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(f"{purpose} NumPy and safetensors: install the extra 'train'") from error
    return numpy, safetensors


def _sealed(digits: str) -> bytes:
    return f"{MARK}{digits}".encode()
