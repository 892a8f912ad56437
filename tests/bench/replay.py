"""How fast batches are judged again, beside a plain SQL join of the same question.

`python -m tests.bench.replay` prints the table that stands in the README. The answers
are drawn: twelve tests, one in thirty figures censored, one in fifty missing, two tests
that are alternatives of each other, one in words.
"""

import resource
import time
from collections.abc import Callable

import duckdb
import numpy as np
import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.panel import Intervals, Panel, Question, Words, questions
from etl.tally import judged

BATCHES = 1_000_000
TESTS = 12
SITES = 24
REPEATS = 9


def specification(loosened: float = 0.0) -> pl.DataFrame:
    """Twelve release criteria: lower, upper and two-sided limits, and a text."""
    rows = [
        {
            "site": "alpha", "product": "cart", "spec_version": "1", "gate": "release",
            "parameter": "sterility" if number == 11 else f"potency_{number}",
            "population": "cells", "stage": "final_product", "method": "-",
            "laboratory": "-", "status": "release", "unit": "%",
            "operator": _sign(number),
            "limit_low": None if number % 3 == 1 or number == 11 else 20.0 - loosened,
            "limit_high": None if number % 3 == 0 or number == 11 else 95.0 + loosened,
            "text_limit": "negative" if number == 11 else None,
            "logic_group": "potency:or" if number in (4, 5) else None,
        }
        for number in range(TESTS)
    ]  # fmt: skip
    schema = SCHEMAS["criterion"].create_empty().schema
    return pl.DataFrame(rows, schema=schema, orient="row")


def _sign(number: int) -> str:
    return "text" if number == 11 else (">=", "<", "between")[number % 3]


def drawn(size: int) -> Panel:
    draw = np.random.default_rng(1)
    answers: dict[Question, Intervals | Words] = {}
    for question in questions(specification()).values():
        if question.in_words:
            place = draw.choice(3, size, p=[0.02, 0.97, 0.01]).astype(np.uint32)
            answers[question] = Words(place, (None, "no growth", "positive"))
            continue
        high = draw.uniform(15, 100, size)
        high[draw.random(size) < 0.02] = np.nan
        low = high.copy()
        low[draw.random(size) < 0.03] = -np.inf
        answers[question] = Intervals(low, high)
    return Panel(size, answers)


def timed(ask: Callable[[], object]) -> float:
    """The median of several runs in milliseconds, after one that warms up."""
    ask()
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds)) * 1000


def crossed(panel: Panel, specifications: list[pl.DataFrame]) -> np.ndarray:
    """Failing batches by site and specification, and those that fail one test only."""
    starts = np.arange(0, panel.height, panel.height // SITES)[:SITES]
    tallies = (judged(panel, each) for each in specifications)
    return np.array(
        [
            [
                np.add.reduceat(flags, starts)
                for flags in (t.fails, t.failed == 1, t.undetermined)
            ]
            for t in tallies
        ]
    )


def in_sql(panel: Panel) -> Callable[[], object]:
    """The same question as a join: results by batch and test, against the limits."""
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    connection.execute(
        "create table result (batch integer, test utinyint, low double, high double,"
        " said utinyint)"
    )
    for number, answer in enumerate(panel.answers.values()):
        frame = pl.DataFrame({"batch": np.arange(panel.height, dtype=np.int32)})
        if isinstance(answer, Words):
            said = frame.with_columns(said=pl.Series(answer.place), low=None, high=None)
        else:
            low, high = (pl.Series(x).fill_nan(None) for x in (answer.low, answer.high))
            said = frame.with_columns(low=low, high=high, said=None)
        part = said.select("batch", pl.lit(number).alias("test"), "low", "high", "said")
        connection.register("part", part.to_arrow())
        connection.execute("insert into result from part")
    limits = pl.DataFrame(
        [
            (n, row["logic_group"] or f"test {n}", row["limit_low"], row["limit_high"])
            for n, row in enumerate(specification().to_dicts())
        ],
        schema=["test", "demand", "least", "most"],
        orient="row",
    )
    connection.register("drawn_limits", limits.to_arrow())
    connection.execute("create table limits as from drawn_limits")
    return lambda: connection.sql(_SQL).fetchall()


_SQL = """
with verdict as (
    select r.batch, l.demand,
        case when r.said = 1 or (r.low >= coalesce(l.least, '-inf')
                  and r.high < coalesce(l.most, 'inf')) then 1
             when r.said = 2 or r.high < l.least or r.low >= l.most then -1
             else 0 end as verdict
    from result as r join limits as l on r.test = l.test
), demand as (
    select batch, demand, max(verdict) as verdict from verdict group by all
), outcome as (
    select batch, count(*) filter (verdict < 0) as failed,
        count(*) filter (verdict = 0) as unknown
    from demand group by batch
)
select count(*) filter (failed > 0), count(*) filter (failed = 1),
    count(*) filter (failed = 0 and unknown > 0) from outcome
"""


def main() -> None:
    million, less = drawn(BATCHES), drawn(BATCHES // 10)
    one = specification()
    many = [specification(0.5 * number) for number in range(SITES)]
    held = sum(
        a.place.nbytes if isinstance(a, Words) else a.low.nbytes + a.high.nbytes
        for a in million.answers.values()
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = [
        ("1 specification, 100,000 batches", timed(lambda: judged(less, one)), 33),
        ("1 specification, 1,000,000 batches", timed(lambda: judged(million, one)), 60),
        ("24 sites x 24 specifications", timed(lambda: crossed(million, many)), 1000),
    ]
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    tally = judged(million, one)
    ours = (tally.fails.sum(), (tally.failed == 1).sum(), tally.undetermined.sum())
    ask = in_sql(million)
    (theirs,) = ask()  # type: ignore[misc]
    assert tuple(map(int, ours)) == theirs, "the join must come to the same counts"
    print("| question (12 tests a batch) | reached | goal |\n|---|---|---|")
    for words, reached, goal in rows:
        print(f"| {words} | {reached:,.0f} ms | {goal:,} ms |")
    slow = timed(ask)
    print(f"| the second as a SQL join, same counts | {slow:,.0f} ms | – |")
    print(f"\nRatio: {slow / rows[1][1]:.0f}. Answers held: {held / 2**20:,.0f} MiB;")
    print(f"memory above them while judging: {more:,.0f} MiB.")


if __name__ == "__main__":
    main()
