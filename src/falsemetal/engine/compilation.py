"""Whether and how evaluations are compiled."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch._dynamo

from falsemetal.progress import logger


def compile_evaluation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that takes a gradient within, for tensors of fixed shapes."""
    compiled = torch.compile(function, dynamic=False, fullgraph=True)

    def call(*arguments: Any) -> Any:
        with torch._dynamo.config.patch(trace_autograd_ops=True, recompile_limit=64):
            return compiled(*arguments)

    return call


@cache
def compiler_found(device_type: str) -> bool:
    """Tell whether PyTorch can compile for a kind of device; logs what is missing.

    A CPU needs a C++ compiler, a GPU needs Triton.
    """
    try:
        if device_type == "cpu":
            from torch._inductor.cpp_builder import get_cpp_compiler

            get_cpp_compiler()
        else:
            import triton  # noqa: F401
    except Exception as error:
        logger.info(
            "no compiler for PyTorch (%s): models run uncompiled, several times slower; "
            "install g++ (CPU) or triton (GPU)",
            str(error).splitlines()[0],
        )
        return False
    return True
