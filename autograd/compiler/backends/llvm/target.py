"""What code is made for: a processor, and at what sizes a program is cut in which way."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograd.compiler.backends.llvm import mathematics

__all__ = ["Target", "host"]


@dataclass(frozen=True)
class Target:
    """A processor, and what is worth what on it.

    Attributes:
        triple: LLVM's name of architecture and system.
        processor: LLVM's name of the processor.
        features: Its instruction sets, as LLVM writes them.
        software: The versions of LLVM and of the libraries that code calls.
        lanes: How many doubles a vector register holds.
        straight_cost: Programs of no more elementary operations are not worth a loop.
        uncut_cost: Straight-line code of no more elementary operations is one piece.
        piece_cost: How many elementary operations a piece of longer code holds.
        rough_piece_cost: The same of code that is not compiled thoroughly, where LLVM's time grows
            little with a piece's, and what passes from one to another costs more than that.
        long_sum: How many terms make a loop of a sum in straight-line code.
        shortest_loop: The least number of equal steps that are worth a loop.
        thorough_cost: Straight-line code of more elementary operations is compiled ten times as
            fast, by an LLVM that thinks less about registers; it takes a third more time to run.
        most_inlined: Where a module calls more elementary functions, inlining would cost more than
            it saves.
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
    most_inlined: int = 64

    def most_in_piece(self, cost: int) -> int:
        """Tell how many elementary operations a piece holds, of code of so many.

        Example:
            >>> host().most_in_piece(1000) < host().most_in_piece(100_000)
            True
        """
        return self.piece_cost if cost <= self.thorough_cost else self.rough_piece_cost

    @property
    def machine(self) -> str:
        """Name the machine: object code is good for no others.

        Example:
            >>> host().machine == host().machine
            True
        """
        return f"{self.triple} {self.processor} {self.features}, {self.software}"

    def description(self, level: int = 2) -> Any:
        """Describe the machine to LLVM.

        Args:
            level: How much LLVM is to think about it.

        Returns:
            The description, new each time: an engine takes it over.
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
    """Tell what code is made for on this machine.

    Example:
        >>> host().lanes in (2, 4, 8)
        True
    """
    import llvmlite
    from llvmlite import binding

    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot tell
        features = binding.FeatureMap()
    version = ".".join(map(str, binding.llvm_version_info))
    libraries = [*platform.libc_ver(), *(["libmvec"] if mathematics.vector_library() else [])]
    return Target(
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        features.flatten(),
        f"LLVM {version} of llvmlite {llvmlite.__version__}, {' '.join(libraries)}",
        8 if features.get("avx512f") else 4 if features.get("avx") else 2,
    )
