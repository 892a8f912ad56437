"""Any batch's recorded results, judged under any specification.

The same judgement serves a site's own specification (what should have been decided),
another site's, another version's or a published one (what would have been). A result is
never assumed: a test not done, or a value censored across the limit, is *undetermined*,
neither passed nor failed. Joins and columns only, so that a million results take about
a second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from etl.conversion import as_interval, converted
from etl.matching import (
    SPECIFICATION,
    answered,
    asked_by_several_methods,
    car_fractions,
)
from etl.specification import Criterion, criteria_from
from etl.verdict import limit_columns, on_figures, on_texts, without_result

# Results judged in one go; 1 GB, and a site at a time beyond.
AT_ONCE: Final = 2_000_000
_CONVERSION: Final = {
    "final_volume_ml": pl.Float64,
    "recipient_weight_band_kg": pl.Int64,
}
_RESULT: Final = ["comparator", "value", "text", "unit"]
_VERDICT: Final = [
    *("assigned", "criterion", "answered_by"),
    *_RESULT,
    *("outcome", "reason"),
]
_SHOWN: Final = ["gate", "parameter", "population", "stage", "method", "status"]


def in_force(
    criteria: pl.DataFrame, batches: pl.DataFrame, results: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Each batch with the specification it was made under, and its volume and weight.

    The version that its results name, where they name one that the site has sent;
    otherwise the site's version for the product that was valid on the day the batch
    started, the later one where two were. A batch without either is left out.
    """
    begun = pl.coalesce("started", "received", "collected", "harvested")
    known = batches.select("site", "batch", "product", *_CONVERSION, begun.alias("day"))
    candidates = known.join(_versions(criteria), on=["site", "product"])
    named = candidates.clear()
    if results is not None:
        version = ["site", "batch", "spec_version"]
        named = candidates.join(results.select(version).unique(), on=version)
    day = pl.col("day")
    dated = candidates.join(named, on=["site", "batch"], how="anti").filter(
        pl.col("valid_from").is_null() | (pl.col("valid_from") <= day),
        pl.col("valid_to").is_null() | (pl.col("valid_to") >= day),
    )
    # Whole, so that the same rows are numbered alike whenever they are judged.
    order = ["valid_from", "spec_version", "site", "batch"]
    chosen = pl.concat([named, dated]).sort(order)
    chosen = chosen.unique(["site", "batch"], keep="last", maintain_order=True)
    spec_site = pl.col("site").alias("spec_site")
    return chosen.select("site", "batch", spec_site, *SPECIFICATION[1:], *_CONVERSION)


def judge(
    results: pl.DataFrame, criteria: pl.DataFrame, assignment: pl.DataFrame
) -> pl.DataFrame:
    """One row per batch and criterion asked of it: outcome, and the reason in words.

    `assignment` says which specification a batch is judged under: site, batch,
    spec_site, product, spec_version, and final_volume_ml and recipient_weight_band_kg
    where results may have to be converted; a batch may stand there several times, and
    `assigned` counts its rows. `results` and `criteria` are the contract's frames.
    `outcome` is pass, fail or undetermined; `reason` is null for a pass; `limit` is the
    limit in words; `alternatives` names the or-group; `mark` says what was taken for
    granted. Informative criteria ask nothing and are not judged.
    """
    items = criteria_from(criteria)
    numbered = assignment.with_row_index("assigned")
    verdicts = pl.concat(
        _verdicts(part, criteria, items, batches)
        for part, batches in _portions(results, numbered)
    ).sort("assigned", "criterion")
    return _shown(verdicts, criteria, items, assignment)


def _portions(
    results: pl.DataFrame, numbered: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Everything at once, or a site at a time where that would take too much memory."""
    if results.height <= AT_ONCE or numbered.is_empty():
        yield results, numbered
        return
    by_site = results.partition_by("site", as_dict=True)
    for (site,), batches in numbered.partition_by("site", as_dict=True).items():
        yield by_site.get((site,), results.clear()), batches


def _verdicts(
    results: pl.DataFrame,
    criteria: pl.DataFrame,
    items: tuple[Criterion, ...],
    numbered: pl.DataFrame,
) -> pl.DataFrame:
    by_method = asked_by_several_methods(criteria)
    found = located(results, criteria, numbered, by_method)
    judged = [
        without_result(found.nothing),
        on_texts(found.texts, items),
        on_figures(found.figures),
    ]
    return pl.concat([part.select(_VERDICT) for part in judged])


@dataclass(frozen=True)
class Located:
    """What was recorded for each criterion of each batch, brought to its unit.

    `figures` are intervals: `from`, `to`, `from_open`, `to_open`, and the `obstacle`
    where one could not be brought to the unit. All have assigned and criterion.
    """

    figures: pl.DataFrame
    texts: pl.DataFrame
    nothing: pl.DataFrame


def located(
    results: pl.DataFrame,
    criteria: pl.DataFrame,
    numbered: pl.DataFrame,
    by_method: pl.Series,
) -> Located:
    """The answers to the criteria asked of an assignment, before any verdict.

    `numbered` is an assignment (see `judge`) whose rows are counted by `assigned`;
    `by_method` says of each criterion whether only its own method answers it.
    """
    items = criteria_from(criteria)
    rows = answered(results, criteria, numbered, by_method)
    rows = rows.join(limit_columns(items), on="criterion")
    valid, by_text = (pl.col("state") == "valid").fill_null(False), pl.col("by_text")
    figures = rows.filter(valid & ~by_text).with_columns(as_interval())
    same_unit = pl.col("unit").eq_missing(pl.col("limit_unit"))
    same_unit = same_unit | pl.col("value").is_null()
    foreign = _converted(figures.filter(~same_unit), items, results, numbered)
    plain = figures.filter(same_unit).with_columns(_NO_OBSTACLE)
    return Located(
        pl.concat([plain, foreign.select(plain.columns)]),
        rows.filter(valid & by_text),
        rows.filter(~valid),
    )


_NO_OBSTACLE: Final = pl.lit(None, pl.String).alias("obstacle")


def _versions(criteria: pl.DataFrame) -> pl.DataFrame:
    """The days between which each version held; it ends when all of it has ended."""
    last, endless = pl.col("valid_to").max(), pl.col("valid_to").is_null().any()
    return criteria.group_by("site", "product", "spec_version").agg(
        pl.col("valid_from").min(), pl.when(~endless).then(last).alias("valid_to")
    )


def _converted(
    foreign: pl.DataFrame,
    items: tuple[Criterion, ...],
    results: pl.DataFrame,
    numbered: pl.DataFrame,
) -> pl.DataFrame:
    """Figures in another unit, with what their batch tells about the conversion."""
    if foreign.is_empty():
        return foreign.with_columns(_NO_OBSTACLE)
    told = numbered.select(
        "assigned",
        *(
            pl.col(name) if name in numbered.columns else pl.lit(None, kind).alias(name)
            for name, kind in _CONVERSION.items()
        ),
    )
    rows = foreign.join(told, on="assigned")
    return converted(rows, items, car_fractions(results, numbered))


def _shown(
    verdicts: pl.DataFrame,
    criteria: pl.DataFrame,
    items: tuple[Criterion, ...],
    assignment: pl.DataFrame,
) -> pl.DataFrame:
    """The verdicts with the batch and the criterion that their numbers stand for."""
    limits = criteria.select(_SHOWN).with_columns(
        pl.Series("alternatives", [item.alternatives for item in items], pl.String),
        pl.Series("limit", [item.in_words() for item in items], pl.String),
    )
    batches = assignment.select("site", "batch", *SPECIFICATION)
    whole = pl.concat(
        [
            verdicts,
            batches[verdicts["assigned"]],
            limits[verdicts["criterion"]],
        ],
        how="horizontal",
    )
    answered_by, wanted = pl.col("answered_by"), pl.col("population")
    mark = pl.format("reported for {}, asked for {}", answered_by, wanted)
    return whole.select(
        *("assigned", "criterion"),
        *batches.columns,
        *limits.columns,
        *_RESULT,
        *("outcome", "reason"),
        pl.when(answered_by != wanted).then(mark).alias("mark"),
    )
