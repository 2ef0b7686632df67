"""Whether and how evaluations are compiled."""

import os
import shutil
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch._dynamo

from falsemetal.progress import logger


def compile_evaluation(
    function: Callable[..., Any], *, contract: bool = False
) -> Callable[..., Any]:
    """Compile a function, which may take a gradient within, for tensors of fixed shapes.

    Parameters
    ----------
    function
        To compile.
    contract
        Let a CPU multiply and add in one instruction, which rounds once instead of twice.
    """
    options = {"cpp.enable_floating_point_contract_flag": "fast"} if contract else None
    compiled = torch.compile(function, dynamic=False, fullgraph=True, options=options)

    def call(*arguments: Any) -> Any:
        with torch._dynamo.config.patch(trace_autograd_ops=True, recompile_limit=64):
            return compiled(*arguments)

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
            import triton  # noqa: F401

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
