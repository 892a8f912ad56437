"""Which result answers which criterion of which batch.

A result answers a criterion of the same parameter, population and stage. Three things
are decided here, once, for every page:

* *Population*: `cells` means that nobody said which, so a result in `all_cells` answers
  a criterion in `cells` and the other way round, with a mark. Copy numbers per cell and
  per transduced cell answer each other too, because such a result can be converted.
* *Method*: any, as the same limit is demanded of each; only where one gate asks for the
  same test by several methods, each is answered by its own.
* *Repeats*: the latest valid result counts, by the day it was reported (or else
  sampled), then by the higher replicate, sample, laboratory and method. A result that
  a valid retest names in `retest_of` (by its replicate) counts no more. Where none is
  valid, the latest says why.
"""

from typing import Final

import polars as pl

from etl.specification import Criterion, criteria_from

SPECIFICATION: Final = ["spec_site", "product", "spec_version"]
_TEST: Final = ["parameter", "population", "stage"]
_ANSWER: Final = ["state", "comparator", "value", "text", "unit"]
_USED: Final = [
    *("site", "batch"),
    *_TEST,
    *_ANSWER,
    *("sample", "laboratory", "method", "replicate"),
    *("sampled", "reported", "retest_of"),
]
# All cells first: it is what `cells` is taken for.
_ANSWERS: Final = {
    "cells": ("all_cells",),
    "all_cells": ("cells",),
}
_VCN_ANSWERS: Final = {
    "cells": ("all_cells", "transduced_cells"),
    "all_cells": ("cells", "transduced_cells"),
    "transduced_cells": ("cells", "all_cells"),
}
# The criterion's own population and at most two others.
_POPULATIONS_TRIED: Final = 3


def asked(criteria: pl.DataFrame, numbered: pl.DataFrame) -> pl.DataFrame:
    """Which criterion (its row) is asked of which row of the assignment (`assigned`).

    Informative criteria ask nothing.
    """
    counted = criteria.with_row_index("criterion").rename({"site": "spec_site"})
    demands = counted.filter(
        pl.col("status") != "informative", pl.col("operator").is_not_null()
    )
    rows = numbered.select("assigned", *SPECIFICATION)
    return rows.join(
        demands.select("criterion", *SPECIFICATION), on=SPECIFICATION
    ).select("assigned", "criterion")


def answered(
    results: pl.DataFrame,
    criteria: pl.DataFrame,
    numbered: pl.DataFrame,
    by_method: pl.Series,
) -> pl.DataFrame:
    """Every row of `asked` with the result that answers it, `state` null where none.

    `by_method` says of each criterion whether only its own method answers it;
    `answered_by` is the population of the result.
    """
    tests, wanted = _tests(criteria, by_method)
    found = _latest(_addressed(results, tests, numbered))
    unanswered = asked(criteria, numbered)
    parts = []
    for rank in range(_POPULATIONS_TRIED):
        choice = wanted.filter(pl.col("rank") == rank).drop("rank")
        tried = unanswered.join(choice, on="criterion", how="left").join(
            found, on=["assigned", "test"], how="left"
        )
        parts.append(tried.filter(pl.col("state").is_not_null()))
        unanswered = tried.filter(pl.col("state").is_null()).select(
            "assigned", "criterion"
        )
    return pl.concat([*parts, unanswered], how="diagonal").drop("test")


def car_fractions(results: pl.DataFrame, numbered: pl.DataFrame) -> pl.DataFrame:
    """The share of CAR+ cells of each batch (0 to 1): assigned, lowest, highest.

    Two populations, or a censored share, leave a range. Only final products count,
    since that is where copy numbers are measured.
    """
    shares = results.filter(
        pl.col("parameter") == "car_positive",
        pl.col("stage") == "final_product",
        pl.col("unit") == "%",
        pl.col("value").is_not_null(),
    )
    tests = shares.select(*_TEST).unique(maintain_order=True).with_row_index("test")
    tests = tests.with_columns(method=pl.lit(None, pl.String))
    found = _latest(_addressed(shares, tests, numbered))
    sign, share = pl.col("comparator").fill_null("="), pl.col("value") / 100
    least = pl.when(sign.is_in(["<", "<="])).then(0.0).otherwise(share)
    most = pl.when(sign.is_in([">", ">="])).then(1.0).otherwise(share)
    return (
        found.filter(pl.col("state") == "valid")
        .group_by("assigned")
        .agg(least.min().alias("lowest"), most.max().alias("highest"))
    )


def _tests(
    criteria: pl.DataFrame, by_method: pl.Series
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The distinct tests, and for each criterion the tests that answer it, best first.

    `method` of a test is null where any method will do.
    """
    rows: list[tuple[int | str | None, ...]] = []
    for number, item in enumerate(criteria_from(criteria)):
        method = item.method if by_method[number] else None
        for rank, population in enumerate(_populations(item)):
            test = (item.parameter, population, item.stage, method)
            rows.append((number, rank, *test))
    names = ["criterion", "rank", *_TEST, "method"]
    types = [pl.UInt32, pl.Int64, *[pl.String] * 4]
    wanted = pl.DataFrame(rows, dict(zip(names, types, strict=True)), orient="row")
    tests = wanted.select(*_TEST, "method").unique(maintain_order=True)
    tests = tests.with_row_index("test")
    wanted = wanted.join(tests, on=[*_TEST, "method"], nulls_equal=True)
    return tests, wanted.select("criterion", "rank", "test")


def _populations(item: Criterion) -> tuple[str, ...]:
    others = _VCN_ANSWERS if item.parameter == "vcn" else _ANSWERS
    return (item.population, *others.get(item.population, ()))


def asked_by_several_methods(criteria: pl.DataFrame) -> pl.Series:
    """Of each criterion, whether its gate asks for the same test by other methods too.

    Then each is answered by results of its own method only.
    """
    group = ["site", "product", "spec_version", "gate", *_TEST]
    return criteria.select(pl.col("method").n_unique().over(group) > 1)["method"]


def _addressed(
    results: pl.DataFrame, tests: pl.DataFrame, numbered: pl.DataFrame
) -> pl.DataFrame:
    """The results with the assignment and the test they belong to; others drop out."""
    batches = numbered.select("assigned", "site", "batch")
    ours = results.select(_USED).join(batches, on=["site", "batch"])
    ours = ours.drop("site", "batch")
    any_method = tests.filter(pl.col("method").is_null()).drop("method")
    own_method = tests.filter(pl.col("method").is_not_null())
    joined = ours.join(any_method, on=_TEST)
    if own_method.height:
        specific = ours.join(own_method, on=[*_TEST, "method"])
        joined = pl.concat([joined, specific.select(joined.columns)])
    return joined.rename({"population": "answered_by"})


def _latest(addressed: pl.DataFrame) -> pl.DataFrame:
    """One result per assignment and test; see the module for which.

    Repeats are rare, so only they are sorted.
    """
    key = ["assigned", "test"]
    kept = [*key, *_ANSWER, "answered_by"]
    numbered = pl.col("assigned").cast(pl.UInt64) * 2**32 + pl.col("test")
    repeated = addressed.select(numbered.is_duplicated()).to_series()
    if not repeated.any():
        return addressed.select(kept)
    repeats = addressed.filter(repeated)
    valid = pl.col("state") == "valid"
    retests = repeats.filter(valid, pl.col("retest_of") != pl.col("replicate"))
    standing = repeats.join(
        retests.select(*key, replicate="retest_of"), on=[*key, "replicate"], how="anti"
    )
    order = [
        valid,
        pl.coalesce("reported", "sampled"),
        pl.col("replicate").str.len_chars(),
        "replicate",
        "sample",
        "laboratory",
        "method",
    ]
    latest = standing.sort(order, descending=True, nulls_last=True)
    latest = latest.unique(key, keep="first", maintain_order=True)
    return pl.concat([addressed.filter(~repeated).select(kept), latest.select(kept)])
