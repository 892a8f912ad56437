import threading
import time
from collections.abc import Iterator

import polars as pl
import pytest

from connectors import Page, SourceError
from etl.ahead import BULK, LateError, StoppedError, in_bulk

NEVER = float("inf")


def a_page(*values: str, **said: object) -> Page:
    columns = said.pop("columns", ("lot",))
    frame = pl.DataFrame(dict.fromkeys(columns, values))
    refs = pl.Series([f"record {value}" for value in values], dtype=pl.String)
    return Page(frame, said.pop("origin", "GET /lots"), refs, **said)


def read(pages: Iterator[Page], until: float = NEVER) -> list[Page]:
    return list(in_bulk(lambda: pages, until, threading.Event()))


def test_small_pages_come_as_one_with_all_that_they_said() -> None:
    pages = [
        a_page("1", watermark="w1", resume="resume:1", gone=("record 8",)),
        a_page("2", "3", watermark="w2", resume="resume:2", gone=("record 9",)),
    ]
    (page,) = read(iter(pages))
    assert page.frame["lot"].to_list() == ["1", "2", "3"]
    assert page.refs.to_list() == ["record 1", "record 2", "record 3"]
    assert (page.watermark, page.resume) == ("w2", "resume:2")
    assert page.gone == ("record 8", "record 9")


def test_another_origin_or_another_column_is_another_page() -> None:
    pages = [
        a_page("1"),
        a_page("2", columns=("charge",)),
        a_page("3", columns=("charge",), origin="GET /batches"),
    ]
    assert [page.frame.rows() for page in read(iter(pages))] == [
        [("1",)],
        [("2",)],
        [("3",)],
    ]


def test_no_more_than_a_bulk_is_gathered() -> None:
    pages = (a_page(*["x"] * (BULK // 2)) for _ in range(6))
    assert [page.frame.height for page in read(pages)] == [BULK] * 3


def test_what_came_before_an_error_is_handed_over_before_it() -> None:
    def breaks() -> Iterator[Page]:
        yield a_page("1")
        raise SourceError("the line broke", site="alpha", source="main")

    handed = []
    with pytest.raises(SourceError, match="the line broke"):
        for page in in_bulk(breaks, NEVER, threading.Event()):
            handed += page.frame["lot"].to_list()
    assert handed == ["1"]


def dribble() -> Iterator[Page]:
    for number in range(10_000):
        yield a_page(str(number))
        time.sleep(0.02)


def test_a_source_that_dribbles_for_ever_is_given_up() -> None:
    began = time.monotonic()
    handed = []
    with pytest.raises(LateError):
        for page in in_bulk(dribble, began + 0.6, threading.Event()):
            handed += page.frame["lot"].to_list()
    assert time.monotonic() - began < 5
    assert handed[:3] == ["0", "1", "2"]


def test_a_source_that_says_nothing_at_all_is_given_up() -> None:
    hangs = threading.Event()

    def silent() -> Iterator[Page]:
        hangs.wait()
        yield a_page("1")

    began = time.monotonic()
    with pytest.raises(LateError):
        read(silent(), began + 0.3)
    assert time.monotonic() - began < 5
    hangs.set()


def test_nobody_waits_for_a_page_after_a_stop() -> None:
    stop = threading.Event()
    taken = in_bulk(dribble, NEVER, stop)
    next(taken)
    stop.set()
    with pytest.raises(StoppedError):
        list(taken)


def test_reading_ends_with_who_takes_the_pages() -> None:
    taken = in_bulk(dribble, NEVER, threading.Event())
    next(taken)
    before = threading.active_count()
    taken.close()
    for _ in range(100):
        if threading.active_count() < before:
            return
        time.sleep(0.05)
    raise AssertionError("the reading thread is still at work")
