from collections import Counter
from itertools import chain, repeat

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.microaggregation import microaggregated

ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 4), st.integers(0, 2)
    ),
    min_size=1,
    max_size=60,
)
COUNTS = ("ended", "censored")


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, least=st.integers(1, 8))
def test_at_least_so_many_share_a_day_and_none_is_lost(
    rows: list[tuple[str, int, int, int]], least: int
) -> None:
    days = pl.DataFrame(rows, schema=["site", "day", *COUNTS], orient="row")
    days = days.group_by("site", "day").agg(pl.col(c).sum() for c in COUNTS)
    told = microaggregated(days, ["site"], COUNTS, least)
    n = pl.sum_horizontal(COUNTS)
    for (site,), mine in days.group_by("site"):
        theirs = told.filter(site=site)
        assert theirs.select(COUNTS).sum().equals(mine.select(COUNTS).sum())
        whole = mine.select(n).to_series().sum()
        parts = theirs.select(n.alias("n"))["n"]
        if least > 1 and whole:
            assert parts.min() == whole if whole < least else (parts >= least).all()
        assert {*theirs["day"]} <= {*mine["day"]}


def test_days_of_ten_batches_are_shared_by_five_in_their_order() -> None:
    taken = [3, 4, 4, 6, 9, 10, 11, 11, 15, 40]
    rows = [("a", day, n) for day, n in Counter(taken).items()]
    days = pl.DataFrame(rows, schema=["site", "day", "ended"], orient="row")
    told = microaggregated(days, ["site"], ["ended"], 5)
    each = chain(*(repeat(d, n) for _, d, n in sorted(told.rows())))
    assert [*each] == [4] * 5 + [11] * 5
