"""The verdict on one result under one criterion: pass, fail, undetermined, and why.

A figure is an interval (a censored value, a weight band) and so is a limit. Inside is a
pass, apart is a fail, across is undetermined: `<0.3` passes `<= 0.3`, and nobody knows
whether `<=0.5` meets `< 0.5`. A text is judged by its meaning; one without an agreed
meaning only by being the same words.
"""

from typing import Final

import polars as pl

from etl.contract.parameters import meaning, parameter
from etl.contract.words import plain
from etl.specification import INTERIM, Criterion

PASS: Final = "pass"
FAIL: Final = "fail"
UNDETERMINED: Final = "undetermined"
_NOT_VALID: Final = {
    "not_done": "not done",
    "not_applicable": "not applicable",
    "pending": "pending",
    "invalid": "the test was invalid",
}


def limit_columns(criteria: tuple[Criterion, ...]) -> pl.DataFrame:
    """Each criterion's interval in its own unit, infinite where it has no end.

    Columns criterion (its position), by_text, limit_unit, low, high, low_open and
    high_open.
    """
    names = ["criterion", "by_text", "limit_unit", "low", "high"]
    types = [pl.UInt32, pl.Boolean, pl.String, pl.Float64, pl.Float64]
    names, types = [*names, "low_open", "high_open"], [*types, pl.Boolean, pl.Boolean]
    rows = []
    for number, item in enumerate(criteria):
        sign = item.operator or ""
        low = item.limit_low if sign in (">", ">=", "between") else None
        high = item.limit_high if sign in ("<", "<=", "between") else None
        ends = (
            -float("inf") if low is None else low,
            float("inf") if high is None else high,
        )
        rows.append(
            (number, sign == "text", item.unit, *ends, sign == ">", sign == "<")
        )
    return pl.DataFrame(rows, dict(zip(names, types, strict=True)), orient="row")


def on_figures(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with `outcome` and `reason`, from their interval and their limit's.

    `obstacle` holds the reason where a figure could not be brought to the limit's unit.
    """
    words = pl.lit("a text under a limit in figures")
    obstacle = pl.when(pl.col("value").is_null()).then(words).otherwise("obstacle")
    exactly = pl.col("comparator").fill_null("=") == "="
    across = (
        pl.when(exactly)
        .then(pl.lit("best and worst case disagree"))
        .otherwise(pl.lit("censored across the limit"))
    )
    reason = (
        pl.when(obstacle.is_not_null())
        .then(obstacle)
        .when(_inside())
        .then(None)
        .when(_above())
        .then(pl.lit("above the limit"))
        .when(_below())
        .then(pl.lit("below the limit"))
        .otherwise(across)
    )
    failed = pl.col("reason").is_in(["above the limit", "below the limit"])
    outcome = (
        pl.when(pl.col("reason").is_null())
        .then(pl.lit(PASS))
        .when(failed)
        .then(pl.lit(FAIL))
        .otherwise(pl.lit(UNDETERMINED))
    )
    judged = rows.with_columns(reason.alias("reason"))
    return judged.with_columns(outcome.alias("outcome"))


def _inside() -> pl.Expr:
    """Whether the whole interval is acceptable; an open end may touch an open limit."""
    low = pl.col("from_open") | ~pl.col("low_open")
    high = pl.col("to_open") | ~pl.col("high_open")
    return (
        (pl.col("from") > pl.col("low")) | ((pl.col("from") == pl.col("low")) & low)
    ) & ((pl.col("to") < pl.col("high")) | ((pl.col("to") == pl.col("high")) & high))


def _above() -> pl.Expr:
    """Whether nothing of the interval is at or below the upper limit."""
    touching = pl.col("from_open") | pl.col("high_open")
    above = pl.col("from") > pl.col("high")
    return above | ((pl.col("from") == pl.col("high")) & touching)


def _below() -> pl.Expr:
    """Whether nothing of the interval is at or above the lower limit."""
    touching = pl.col("to_open") | pl.col("low_open")
    below = pl.col("to") < pl.col("low")
    return below | ((pl.col("to") == pl.col("low")) & touching)


def on_texts(rows: pl.DataFrame, criteria: tuple[Criterion, ...]) -> pl.DataFrame:
    """The rows with `outcome` and `reason`, from what their text means.

    There are few distinct texts, so each is read once.
    """
    pairs = rows.select("criterion", "text").unique(maintain_order=True)
    read = [on_text(criteria[number], text) for number, text in pairs.iter_rows()]
    verdicts = pairs.with_columns(
        pl.Series("outcome", [outcome for outcome, _ in read], pl.String),
        pl.Series("reason", [reason for _, reason in read], pl.String),
    )
    return rows.join(verdicts, on=["criterion", "text"], nulls_equal=True)


def on_text(item: Criterion, text: str | None) -> tuple[str, str | None]:
    """The verdict on one text under a text limit, and the reason unless it passes.

    Two meanings of one list exclude each other, save that a culture that is negative so
    far may still become either.
    """
    if text is None:
        return UNDETERMINED, "a figure under a limit in words"
    said, accepted = plain(meaning(item.parameter, text)), item.accepted_texts
    if accepted is None or said in accepted:
        return PASS, None
    if said == INTERIM:
        return UNDETERMINED, "negative to date is not the final answer"
    known = parameter(item.parameter)
    listed = {plain(each) for each in known.meanings.values()} if known else set()
    if said in listed and accepted <= listed:
        return FAIL, f"{said} where the limit is {item.text_limit}"
    return UNDETERMINED, "no agreed meaning for this text under this limit"


def without_result(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with `outcome` undetermined and what became of the test as `reason`."""
    said = pl.col("state").replace_strict(_NOT_VALID, default=None)
    return rows.with_columns(
        pl.lit(UNDETERMINED).alias("outcome"),
        said.fill_null("no result").alias("reason"),
    )
