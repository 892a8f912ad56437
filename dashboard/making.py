"""What is noted of a page while it is made: where it lies, and whether it lasts.

A page is made from a snapshot for a viewer; most would be made alike for whoever may
see the same. What is of a moment, or was never whole, says so here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Making:
    """One page being made: its address for the record, and whether it lasts."""

    address: str = ""
    lasts: bool = True


_making: ContextVar[Making | None] = ContextVar("pocnet_making", default=None)


@contextmanager
def making() -> Iterator[Making]:
    """What the block makes is noted in what this gives."""
    token = _making.set(made := Making())
    try:
        yield made
    finally:
        _making.reset(token)


def noted(address: str) -> bool:
    """Whether whoever has the page made puts on record that somebody looks at it."""
    made = _making.get()
    if made is not None:
        made.address = address
    return made is not None


def of_this_moment() -> None:
    """What is being made holds for this once: asked again it may be another."""
    if (made := _making.get()) is not None:
        made.lasts = False
