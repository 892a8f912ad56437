"""What each site's products measure against the others', as assay and as product."""

from collections.abc import Mapping
from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.gap import TERMS, read, readings
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages._assay_scores import test_of, trials
from dashboard.viewer import Viewer

_WORDS: Final = {
    "gap": "gap to other sites",
    "assay": "read off by its laboratory",
    "product": "the product",
}
_NOBODY: Final = "No site's measurements can be laid beside the others' here."
_WHY: Final = "fewer than three specimens in ring trials, or nobody to compare with"
_CENSORED: Final = "some results lie beyond what can be measured: no mean can be told"


def taken_apart(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site and laboratory: its gap in the chosen test, as two terms."""
    test = test_of(viewer, filters)
    found = read(
        queries.measured(viewer, filters, test), readings(trials(viewer, filters))
    )
    seen = pl.col("state") == "data"
    none = seen & pl.col("verdict").is_null()
    return found.with_columns(
        pl.lit(test).alias("parameter"),
        pl.when(none).then(pl.lit("not_applicable")).otherwise("state").alias("state"),
        pl.when(none & (pl.col("censored") > 0))
        .then(pl.lit(_CENSORED))
        .when(none)
        .then(pl.lit(_WHY))
        .otherwise("reason")
        .alias("reason"),
        pl.Series("label", map(_place, found.to_dicts()), pl.String),
    )


def _place(row: Mapping[str, str]) -> str:
    where = site_name(row["site"])
    if row["laboratory"] == row["site"]:
        return where
    return f"{where}, tested at {site_name(row['laboratory'])}"


def _said(frame: pl.DataFrame) -> str:
    known = frame.drop_nulls("verdict")
    if known.is_empty():
        return _NOBODY
    found = [
        f"{_differs(known, term)} {words}"
        for term, words in (("assay", "by assay"), ("product", "by product"))
        if known.filter(pl.col("verdict").is_in([term, "both"])).height
    ]
    told = "; ".join(found) or "no site's results differ"
    return (
        f"{title(known['parameter'][0])} of final products: beyond chance (99.8 %)"
        f" {told}. Zero is no difference; which direction is good is the test's to say."
    )


def _differs(known: pl.DataFrame, term: str) -> str:
    rows = known.filter(pl.col("verdict").is_in([term, "both"]))
    return "; ".join(
        f"{site_name(row['site'])} ({row[term]:+.2g}{_unit(row['unit'])})"
        for row in rows.to_dicts()
    )


def _unit(unit: str | None) -> str:
    return f" {unit}" if unit else ""


def _drawn(frame: pl.DataFrame) -> go.Figure | list[go.Figure]:
    known = frame.drop_nulls("verdict")
    if known.is_empty():
        return figures.empty(_NOBODY)
    ends = [known[f"{t}_{e}"] for t in TERMS for e in ("lower", "upper")]
    span = [
        min(float(str(end.min())) for end in ends),
        max(float(str(end.max())) for end in ends),
    ]
    return [
        figures.caterpillar(
            known.select(
                "label",
                pl.col(term).alias("value"),
                pl.col(f"{term}_lower").alias("low"),
                pl.col(f"{term}_upper").alias("high"),
                _flag(term).alias("flag"),
                "state",
                "reason",
            ),
            f"{words}, {known['unit'][0] or ''}".rstrip(", "),
            centre=0.0,
        ).update_xaxes(range=span)
        for term, words in _WORDS.items()
    ]


def _flag(term: str) -> pl.Expr:
    up = pl.col(term) > 0
    one = (pl.col(f"{term}_lower") > 0) | (pl.col(f"{term}_upper") < 0)
    sure = pl.col(f"{term}_beyond")
    side = {end: pl.when(up).then(pl.lit(f"high{end}")).otherwise(pl.lit(f"low{end}"))
            for end in ("95", "998")}  # fmt: skip
    return (
        pl.when(sure)
        .then(side["998"])
        .when(one)
        .then(side["95"])
        .otherwise(pl.lit("none"))
    )


CARD = Card(
    "assays-gap",
    "Is a gap the assay's or the product's?",
    taken_apart,
    _said,
    _drawn,
    (
        Column("site", "Site", "site"),
        Column("laboratory", "Tested at", "site"),
        Column("n", "Results", "count"),
        Column("mean", "Mean", "number"),
        Column("unit", "Unit"),
        *(
            Column(f"{term}{end}", heading, "number")
            for term, words in (("gap", "Gap"), ("assay", "Assay"),
                                ("product", "Product"))
            for end, heading in (("", words), ("_lower", "from"), ("_upper", "to"))
        ),
        Column("specimens", "Specimens", "count"),
        Column("verdict", "Beyond chance"),
    ),
    count=lambda f: f"n = {written(int(f['n'].sum() or 0), 'count')} results",
    metric="ring_trial_score",
    note="First: results of final products against the other sites', product by"
    " product. Second: what the laboratory reads off on ring-trial specimens. Third:"
    " what is left of the first; lines are 95 % intervals. That a laboratory's offset"
    " is the same on specimens and products is taken for granted, and so is that sites"
    " count in the same cells: Harmonisation says where they do not.",
)  # fmt: skip
