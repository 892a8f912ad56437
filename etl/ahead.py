"""A source's pages read ahead by a thread and handed over in bulk, within a time.

Reading is mostly waiting, and what is done with a page costs nearly the same for ten
rows as for ten thousand. Whoever takes the pages waits no longer than agreed, however
slowly a source answers: the thread that still hangs on it is left behind.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Final

import polars as pl

from connectors import Page, PocnetError

# Rows that are handed over at a time, where a source has smaller pages.
BULK: Final = 50_000
# Seconds for which small pages are gathered.
PATIENCE: Final = 2.0
_AHEAD: Final = 1
_TICK: Final = 0.25


class StoppedError(PocnetError):
    """The pull was interrupted."""


class LateError(PocnetError):
    """The time that a source has was up before it had said everything."""


@dataclass(frozen=True)
class _End:
    error: BaseException | None = None


_Said = Page | _End


def in_bulk(
    pages: Callable[[], Iterator[Page]], until: float, stop: threading.Event
) -> Iterator[Page]:
    """The pages, those of one origin with the same columns gathered into one.

    `until` is a moment of `time.monotonic`: LateError after it. StoppedError once
    `stop` is set. What was read before an error is handed over before it is raised.
    """
    waiting, left = Queue[_Said](_AHEAD), threading.Event()
    arguments = (pages, waiting, left)
    threading.Thread(target=_read, args=arguments, daemon=True).start()
    try:
        yield from _gathered(waiting, until, stop)
    finally:
        left.set()


def _read(
    pages: Callable[[], Iterator[Page]], waiting: Queue[_Said], left: threading.Event
) -> None:
    try:
        for page in pages():
            _hand_over(page, waiting, left)
            if left.is_set():
                return
        end = _End()
    except BaseException as error:
        end = _End(error)
    _hand_over(end, waiting, left)


def _hand_over(said: _Said, waiting: Queue[_Said], left: threading.Event) -> None:
    while not left.is_set():
        try:
            return waiting.put(said, timeout=_TICK)
        except Full:
            continue


def _gathered(
    waiting: Queue[_Said], until: float, stop: threading.Event
) -> Iterator[Page]:
    held: list[Page] = []
    began = time.monotonic()
    while True:
        said = _next(waiting, until, stop)
        fits = isinstance(said, Page) and (not held or _alike(held[-1], said))
        if held and not fits and said is not None:
            yield _whole(held)
            held = []
        if isinstance(said, _End):
            if said.error:
                raise said.error
            return
        if said is not None:
            began = began if held else time.monotonic()
            held.append(said)
        if held and (_rows(held) >= BULK or time.monotonic() - began > PATIENCE):
            yield _whole(held)
            held = []


def _next(waiting: Queue[_Said], until: float, stop: threading.Event) -> _Said | None:
    """What comes next, None if that takes a while."""
    if stop.is_set():
        return _End(StoppedError())
    if time.monotonic() > until:
        return _End(LateError())
    try:
        return waiting.get(timeout=_TICK)
    except Empty:
        return None


def _alike(one: Page, other: Page) -> bool:
    """Pages that a mapping reads in the same way; a column gone makes another one."""
    columns = one.frame.columns == other.frame.columns
    return columns and one.origin == other.origin


def _rows(pages: Sequence[Page]) -> int:
    return sum(page.frame.height for page in pages)


def _whole(pages: Sequence[Page]) -> Page:
    last = pages[-1]
    if len(pages) == 1:
        return last
    marks = [page.watermark for page in pages if page.watermark]
    return Page(
        frame=pl.concat([page.frame for page in pages]),
        origin=last.origin,
        refs=pl.concat([page.refs.cast(pl.String).rename("ref") for page in pages]),
        watermark=marks[-1] if marks else None,
        gone=tuple(ref for page in pages for ref in page.gone),
        resume=last.resume,
    )
