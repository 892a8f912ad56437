"""A table too large for memory, a piece at a time, on two cores."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import polars as pl

_Made = TypeVar("_Made")


def pieces(rows: pl.LazyFrame, height: int) -> Iterator[pl.DataFrame]:
    """The rows so many at a time, in their order.

    polars' own batches are read many ahead; these only when they are due, which keeps
    the memory at that of a piece or two.
    """
    every = rows.select(pl.len()).collect().item()
    for first in range(0, every, height):
        yield rows.slice(first, height).collect()


def two_by_two(
    make: Callable[[pl.DataFrame], _Made], pieces: Iterator[pl.DataFrame]
) -> Iterator[_Made]:
    """What is made of each piece, in order, two of them being worked on at a time."""
    with ThreadPoolExecutor(2) as pool:
        ahead: deque[Future[_Made]] = deque()
        for rows in pieces:
            ahead.append(pool.submit(make, rows))
            if len(ahead) == 2:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
