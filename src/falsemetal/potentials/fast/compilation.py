"""Whether and how evaluations are compiled."""

import os
import shutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import torch
import torch._dynamo
import torch._functorch.config
import torch.fx.experimental._config
from torch import Tensor

from falsemetal.progress import logger


def compile_evaluation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function, which may take a gradient within, once for all shapes.

    What depends on the size of a system must come by its arguments. What is compiled is kept on
    disk, from where systems of other sizes take it, other processes too.
    """
    return with_compiler_settings(torch.compile(function, dynamic=True, fullgraph=True))


@cache
def compile_for_any_shape(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compile a function of tensors, once for all systems of the process.

    On a CPU it may multiply and add in one instruction, which rounds once instead of twice. To be
    called within :func:`with_compiler_settings`.
    """
    options: dict[str, str | int | bool | Callable[..., Any]]
    options = {"cpp.enable_floating_point_contract_flag": "fast"}
    return torch.compile(function, dynamic=True, fullgraph=True, options=options)


def with_compiler_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function run, and compile what is still to be compiled, under the settings needed."""

    def call(*arguments: Any) -> Any:
        with (
            torch._dynamo.config.patch(
                trace_autograd_ops=True, recompile_limit=64, specialize_float=True
            ),
            # sizes that happen to be equal are no less free
            torch.fx.experimental._config.patch(use_duck_shape=False),  # type: ignore[attr-defined]
            # the graph, whose hash names it on disk, holds what our own functions do
            torch._functorch.config.patch(autograd_cache_allow_custom_autograd_functions=True),
        ):
            return function(*arguments)

    return call


@cache
def compiler_found(device_type: str) -> bool:
    """Tell whether PyTorch can compile for a kind of device; logs what is missing.

    A CPU needs a C++ compiler, a GPU needs Triton and, for it, a C compiler.
    """
    try:
        if device_type == "cpu":
            from torch._inductor.cpp_builder import get_cpp_compiler

            get_cpp_compiler()
        else:
            import_module("triton")
            if not any(map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))):
                raise FileNotFoundError("no C compiler for Triton")
    except Exception as error:
        logger.info(
            "no compiler for PyTorch (%s): models run uncompiled, several times slower; "
            "install g++ (CPU) or triton and gcc (GPU)",
            str(error).splitlines()[0],
        )
        return False
    return True
