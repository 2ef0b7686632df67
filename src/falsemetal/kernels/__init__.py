"""Kernels: loops in C++ that are written for a model's shapes, and compiled at first use.

A kernel is one source with few headers, compiled in a second or two and kept on disk under its
checksum, where later processes find it. Its vectors are those of GNU's C++, which g++ and clang
know. Where there is no compiler, or one that fails, a message says so and the plain form runs.
"""

import atexit
import ctypes
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from platformdirs import user_cache_path
from torch import Tensor
from torch.autograd.function import once_differentiable

from falsemetal.progress import logger

OPTIONS = (
    *("-std=c++17", "-O2", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    *("-shared", "-fPIC", "-fopenmp"),
)
INSTRUCTIONS = {
    "AVX2": ("-march=haswell", 32),
    "AVX512": ("-march=skylake-avx512 -mprefer-vector-width=512", 64),
}
"""Compiler's options and bytes of a vector, by what PyTorch finds that the processor knows."""

NAMES = {torch.float32: "float", torch.float64: "double"}
Value = int | float | Sequence[int] | str
MOST_COPIED = 2**28
"""Numbers in the copies of all threads, at most."""

HEADERS = ("cmath", "cstdint", "cstring", "vector")


def instruction_set() -> str:
    """Return what decides how sums round on this machine's processor."""
    return torch.backends.cpu.get_cpu_capability()


def lanes(dtype: torch.dtype, width: int = 0) -> int:
    """Numbers of a vector; of a given width, in numbers, those that fill it exactly."""
    largest = INSTRUCTIONS.get(instruction_set(), ("", 16))[1] // dtype.itemsize
    while width % largest:
        largest //= 2
    return largest


class Kernel:
    """Functions of a source; tensors are told by their addresses, and must be contiguous."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def __deepcopy__(self, memo: Any) -> "Kernel":
        return self  # it has no state

    def __call__(
        self, function: str, *arguments: Tensor | int | float, parts: int | None = None
    ) -> None:
        """Call a function of the source, with as many threads as PyTorch has or parts are given."""
        parts = parts or torch.get_num_threads()
        getattr(self._library, function)(ctypes.c_int64(parts), *map(_as_c, arguments))

    def add_up(self, like: Tensor, function: str, *arguments: Tensor | int | float) -> Tensor:
        """Call a function that adds to its last argument, of which every thread has its own.

        Returns their sum, in the shape and dtype of a tensor.
        """
        parts = min(torch.get_num_threads(), max(1, MOST_COPIED // max(1, like.numel())))
        found = torch.zeros(parts, *like.shape, dtype=like.dtype)
        self(function, *arguments, found, parts=parts)
        return found.sum(0) if parts > 1 else found[0]


def _as_c(argument: Tensor | int | float) -> Any:
    if isinstance(argument, Tensor):
        if not argument.is_contiguous() or argument.device.type != "cpu":
            raise ValueError("kernels take contiguous tensors on the CPU")
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_int64(argument) if isinstance(argument, int) else ctypes.c_double(argument)


def beside(module: str, name: str) -> Path:
    """Source of a kernel that lies beside a module's file."""
    return Path(module).with_name(name)


@runtime_checkable
class HasKernel(Protocol):
    """Part of a model with a kernel, which it uses once it is there."""

    def write_kernel(self) -> None:
        """Write and compile it, if there is a compiler."""


def write_kernels(model: torch.nn.Module) -> None:
    """Give all parts of a model their kernels, compiled on all cores, if there is a compiler."""
    if find_compiler() is None:
        return
    parts = [part for part in model.modules() if isinstance(part, HasKernel)]
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(lambda part: part.write_kernel(), parts))


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, gradient: Callable[..., Any], values: Sequence[Tensor], *of: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.gradient = gradient
        return tuple(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *by_values: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *ctx.gradient(*(by_value.contiguous() for by_value in by_values))


def with_gradient(
    gradient: Callable[..., Sequence[Tensor]], values: Sequence[Tensor], *of: Tensor
) -> tuple[Tensor, ...]:
    """Return values as functions of tensors, once differentiable.

    The gradient takes those of some scalar by the values to those by the tensors.
    """
    found: tuple[Tensor, ...] = _WithGradient.apply(gradient, values, *of)  # type: ignore[no-untyped-call]
    return found


def build(
    source: Path, dtype: torch.dtype, values: Mapping[str, Value], *, width: int = 0
) -> Kernel | None:
    """Compile a source with values of its constants, unless that is on disk.

    Numbers are of the dtype, in vectors that fill a width exactly, if one is given. Text is code
    for a macro. None without a compiler, or where it fails, which is told.
    """
    command = find_compiler()
    if command is None:
        return None
    try:
        return _build(_text(source, dtype, lanes(dtype, width), values), command)
    except (OSError, subprocess.CalledProcessError) as error:
        logger.info("%s: no kernel, PyTorch does its work (%s)", source.name, _reason(error))
        return None


def _text(source: Path | None, dtype: torch.dtype, width: int, values: Mapping[str, Value]) -> str:
    return "\n".join(
        [
            *(f"#include <{header}>" for header in HEADERS),
            "typedef int64_t integer;",
            f"typedef {NAMES[dtype]} real;",
            f"constexpr integer W = {width};",
            *(_defined(constant, value) for constant, value in values.items()),
            beside(__file__, "vectors.h").read_text(encoding="utf-8"),
            source.read_text(encoding="utf-8") if source else "",
        ]
    )


def _defined(name: str, value: Value) -> str:
    if isinstance(value, str):
        return f"#define {name} {' '.join(value.split())}"
    if isinstance(value, Sequence):
        return f"static const integer {name}[] = {{{', '.join(map(str, value))}}};"
    return f"constexpr {'integer' if isinstance(value, int) else 'real'} {name} = {value!r};"


@cache
def find_compiler() -> tuple[str, ...] | None:
    """Command of a C++ compiler that works, or None, which is told once."""
    march = INSTRUCTIONS.get(instruction_set(), ("", 0))[0].split()
    reasons = []
    for name in filter(None, (os.environ.get("CXX"), "g++", "clang++")):
        command = (*shlex.split(name), *OPTIONS, *march)
        if shutil.which(command[0]):
            try:
                _build(_text(None, torch.float32, 1, {}), command)
                return command
            except (OSError, subprocess.CalledProcessError) as error:
                reasons.append(f"{name} fails ({_reason(error)})")
    logger.info(
        "%s: loops run in PyTorch alone, many times slower; a C++ compiler such as g++ mends it",
        ", ".join(reasons) or "no C++ compiler",
    )
    return None


@cache
def _build(text: str, command: tuple[str, ...]) -> Kernel:
    key = hashlib.sha256("\n".join([*command, text]).encode()).hexdigest()[:24]
    folder = _folder()
    library = folder / f"{key}.so"
    if library.exists():
        with suppress(OSError):  # damaged: made anew
            return Kernel(ctypes.CDLL(str(library)))
    with tempfile.TemporaryDirectory(dir=folder) as name:
        source, made = Path(name) / "kernel.cpp", Path(name) / "kernel.so"
        source.write_text(text, encoding="utf-8")
        call = [*command, str(source), "-o", str(made)]
        subprocess.run(call, check=True, capture_output=True, encoding="utf-8", errors="replace")
        made.replace(library)  # at once, as other processes may do the same
    return Kernel(ctypes.CDLL(str(library)))


def _reason(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = said.strip().splitlines() or [type(error).__name__]
    return next((line for line in lines if re.search("error|cannot find", line)), lines[-1])


@cache
def _folder() -> Path:
    """Folder of the kernels: the user's cache or, where that is read-only, one of the process."""
    folder = user_cache_path("falsemetal") / "kernels"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    folder = Path(tempfile.mkdtemp(prefix="falsemetal-kernels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
