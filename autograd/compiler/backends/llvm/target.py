"""What code is compiled for: a processor, and the sizes that decide how a program is cut."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograd.compiler.backends.llvm import mathematics
from autograd.errors import shown

__all__ = ["Target", "host"]

VARIABLE = "AUTOGRAD_MAX_ISA"
BEYOND_AVX2 = ("avx512", "avx10", "amx", "evex512")
BEYOND: dict[str, tuple[str, ...]] = {
    "AVX512": (),
    "AVX2": BEYOND_AVX2,
    "SSE4_2": (*BEYOND_AVX2, "avx", "fma", "f16c", "vaes", "vpclmulqdq", "xop"),
}
"""For each instruction set that code can be limited to: how the features beyond it begin."""


@dataclass(frozen=True)
class Target:
    """A processor, and the thresholds that pay off on it.

    Attributes:
        triple: LLVM's name for architecture and system.
        processor: LLVM's name for the processor.
        features: The processor's instruction sets, as LLVM writes them.
        software: The versions of LLVM and of the libraries that code calls.
        lanes: How many doubles a vector register holds.
        straight_cost: Programs of at most this many elementary operations are not worth a loop.
        uncut_cost: Straight-line code of at most this many elementary operations is one piece.
        piece_cost: How many elementary operations a piece of longer code holds.
        rough_piece_cost: The same for code that is not compiled thoroughly: there LLVM's time grows
            little with the piece, and passing numbers between pieces costs more than that.
        long_sum: The least number of terms for which a sum in straight-line code is a loop.
        shortest_loop: The least number of equal steps that are worth a loop.
        thorough_cost: Straight-line code of more elementary operations is compiled ten times as
            fast, with less effort on registers; it takes a third more time to run.
        shortest_outer: The least number of products of an outer product that is a step of its own.
        block_memory: How many bytes of memory the rows that go through a program together should
            take, so that they stay in a cache.
        block_rows: At least how many rows go through a program with matrices together.
        most_block_rows: At most how many do.
        most_terms: At most how many terms of sums are added up at once for a block of rows: more
            outgrow the nearest cache.
        most_inlined: If a module calls more elementary functions than this, inlining would cost
            more than it saves.
    """

    triple: str
    processor: str
    features: str
    software: str
    lanes: int
    straight_cost: int = 2000
    uncut_cost: int = 240
    piece_cost: int = 240
    rough_piece_cost: int = 600
    long_sum: int = 64
    shortest_loop: int = 8
    thorough_cost: int = 8000
    shortest_outer: int = 64
    block_memory: int = 2**19
    block_rows: int = 64
    most_block_rows: int = 256
    most_terms: int = 160
    most_inlined: int = 64

    @property
    def registers(self) -> int:
        """How many vector registers there are.

        Example:
            >>> host().registers in (16, 32)
            True
        """
        return 32 if self.lanes == 8 or self.triple.startswith(("aarch64", "arm64")) else 16

    def sums_at_once(self, vectors: int) -> int:
        """Return for how many sums of products there are registers, beside those of factors.

        Args:
            vectors: How many vectors of rows each sum has.

        Returns:
            The number of sums.

        Example:
            >>> host().sums_at_once(2) in (6, 11)
            True
        """
        return max((22 if self.registers == 32 else 12) // vectors, 1)

    def outer_tile(self, width: int) -> tuple[int, int]:
        """Choose the shape in which products, added up over rows, are kept in registers.

        Args:
            width: How many columns there are.

        Returns:
            The number of lines and of columns; the columns fill whole registers.

        Example:
            >>> lines, columns = host().outer_tile(64)
            >>> lines * columns <= host().registers * host().lanes
            True
        """
        needed = -(-width // self.lanes)
        # With the factors of a line, and one at a time of a column, these just fit.
        shapes = [(11, 2), (8, 3), (6, 4)] if self.registers == 32 else [(6, 2)]
        if needed == 1:
            return shapes[0][0], self.lanes
        _, _, lines, vectors = min(
            (-needed % vectors, -vectors, lines, vectors) for lines, vectors in shapes
        )
        return lines, vectors * self.lanes

    def most_in_piece(self, cost: int) -> int:
        """Return how many elementary operations a piece holds, in code of this cost.

        Example:
            >>> host().most_in_piece(1000) < host().most_in_piece(100_000)
            True
        """
        return self.piece_cost if cost <= self.thorough_cost else self.rough_piece_cost

    @property
    def machine(self) -> str:
        """Identify the machine: object code is valid for no other.

        Example:
            >>> host().machine == host().machine
            True
        """
        return f"{self.triple} {self.processor} {self.features}, {self.software}"

    def description(self, level: int = 2) -> Any:
        """Describe the machine to LLVM.

        Args:
            level: LLVM's optimisation level.

        Returns:
            The description, a new one each time: an engine takes ownership of it.
        """
        from llvmlite import binding

        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        return binding.Target.from_triple(self.triple).create_target_machine(
            cpu=self.processor,
            features=self.features,
            opt=level,
            codemodel="jitdefault",
            jit=True,
        )


@cache
def host() -> Target:
    """Return the target for this machine.

    The environment variable AUTOGRAD_MAX_ISA limits it to an instruction set of x86: "SSE4_2",
    "AVX2" or "AVX512", the names that XLA's flag `xla_cpu_max_isa` has. It is read once.

    Returns:
        The target.

    Raises:
        ValueError: The variable names no such instruction set.

    Example:
        >>> host().lanes in (2, 4, 8)
        True
    """
    import llvmlite
    from llvmlite import binding

    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:  # LLVM does not know
        features = binding.FeatureMap()
    beyond = _beyond(os.environ.get(VARIABLE, "AVX512"))
    for name in features:
        features[name] = features[name] and not name.startswith(beyond)
    version = ".".join(map(str, binding.llvm_version_info))
    libraries = [*platform.libc_ver(), *(["libmvec"] if mathematics.vector_library() else [])]
    return Target(
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        features.flatten(),
        f"LLVM {version} of llvmlite {llvmlite.__version__}, {' '.join(libraries)}",
        8 if features.get("avx512f") else 4 if features.get("avx") else 2,
    )


def _beyond(limit: str) -> tuple[str, ...]:
    """Tell how the features begin that are not to be used."""
    if limit not in BEYOND:
        raise ValueError(
            f"the environment variable {VARIABLE} is {shown(limit)}: set it to "
            f"{', '.join(BEYOND)}, or leave it out to use all that the processor has"
        )
    return BEYOND[limit]
