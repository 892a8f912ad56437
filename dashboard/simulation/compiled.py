"""Loops compiled to machine code when they are first called."""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """`function` as machine code, which lets other threads run beside it.

    What was compiled is kept for the next process, beside this file or in the user's
    cache; where neither can be written, each process compiles anew.
    """
    machine: Any = numba.njit(nogil=True)(function)
    with contextlib.suppress(RuntimeError):
        machine.enable_caching()
    return cast(_Function, machine)
