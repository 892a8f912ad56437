"""Every site's gap to the network, taken apart into three terms that sum to it."""

from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.decomposition import TERMS, decomposed
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.rates import all_sites, incomplete
from dashboard.strata import STRATA
from dashboard.viewer import Viewer

_COUNTS: Final = ("alike", "alike_own", "alike_usual", "alike_both")
WORDS: Final = {
    "criteria": "its criteria",
    "mix": "its mix of work",
    "rest": "what remains",
}
# A term of a site without a network in its strata is zero but for rounding.
_NIL: Final = 1e-9
_MATTERS: Final = 0.03
NOBODY: Final = "No site's gap to the network can be taken apart here."


def taken_apart(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: its gap to the network, and the three terms that sum to it.

    Over the whole network, whichever sites are chosen to be shown. A site whose rows
    are incomplete sets no rate and has none of its own; `hidden` strata, in which some
    count is held back, are left out for everybody.
    """
    everyone = all_sites(filters)
    counts = queries.counts(viewer, everyone, _COUNTS, by=("site", *STRATA))
    hidden = counts.filter(pl.col("state") == "suppressed").select(STRATA).unique()
    cells = counts.join(hidden, on=STRATA, how="anti", nulls_equal=True)
    late = incomplete(viewer, everyone)
    names = dict(zip(_COUNTS, ("n", "own", "usual", "both"), strict=True))
    whole = cells.join(late, on="site", how="anti").rename(names)
    frame = decomposed(whole.select("site", *STRATA, *names.values()), STRATA)
    frame = frame.with_columns(
        pl.lit("data").alias("state"), pl.lit(None, pl.String).alias("reason")
    )
    missing = late.select(
        "site",
        pl.lit("not_applicable").alias("state"),
        pl.col("why").alias("reason"),
    )
    shown = pl.col("site").is_in(queries.headings(viewer, filters))
    return (
        pl.concat([frame, missing], how="diagonal")
        .filter(shown)
        .sort("site")
        .with_columns(pl.lit(hidden.height).alias("hidden"))
    )


def beyond_chance(row: Mapping[str, object], term: str) -> bool:
    """Whether a term's interval leaves out zero."""
    low, high = (float(str(row[f"{term}_{end}"])) for end in ("lower", "upper"))
    return low > _NIL or high < -_NIL


def named(rows: Sequence[Mapping[str, object]], term: str) -> list[str]:
    """The sites whose rate a term raises: beyond chance, and by enough to matter."""
    return [
        str(row["site"])
        for row in rows
        if beyond_chance(row, term) and float(str(row[term])) > _MATTERS
    ]


def _said(frame: pl.DataFrame) -> str:
    rows = frame.drop_nulls("gap").to_dicts()
    if not rows:
        return NOBODY
    told = "; ".join(
        f"{words} at {site_names(sites)}"
        for term, words in WORDS.items()
        if (sites := named(rows, term))
    )
    found = (
        f"Beyond chance and by more than 3 points, the rate is raised by {told}."
        if told
        else "No term raises any site's rate by 3 points beyond chance."
    )
    hidden = int(frame["hidden"][0])
    left = f" {some(hidden, 'kind')} of work left out, where a count is held back."
    return (
        f"{found} The network's mean is {written(rows[0]['network'], 'percent')}; lower"
        " is better, but for a site's own criteria only as far as nothing is risked."
        f"{left if hidden else ''}"
    )


def _drawn(frame: pl.DataFrame) -> go.Figure | list[go.Figure]:
    known = frame.drop_nulls("gap")
    if known.is_empty():
        return figures.empty(NOBODY)
    ends = [known[f"{t}_{e}"] for t in TERMS[1:] for e in ("lower", "upper")]
    span = [
        min(float(str(end.min())) for end in ends),
        max(float(str(end.max())) for end in ends),
    ]
    drawn = []
    for term, words in WORDS.items():
        figure = figures.caterpillar(
            known.select(
                pl.Series("label", map(site_name, known["site"]), pl.String),
                pl.col(term).alias("value"),
                pl.col(f"{term}_lower").alias("low"),
                pl.col(f"{term}_upper").alias("high"),
                pl.Series("flag", [_flag(row, term) for row in known.to_dicts()]),
                "state",
                "reason",
            ),
            f"added by {words}",
            percent=True,
            centre=0.0,
        )
        drawn.append(figure.update_xaxes(range=span))
    return drawn


def _flag(row: Mapping[str, object], term: str) -> str:
    if not beyond_chance(row, term):
        return "none"
    return "high95" if float(str(row[term])) > 0 else "low95"


def _figures() -> tuple[Column, ...]:
    titles = {
        "gap": "Gap",
        **{term: words.capitalize() for term, words in WORDS.items()},
    }
    ends = {"_lower": "from", "_upper": "to"}
    return tuple(
        Column(f"{term}{end}", words, "percent")
        for term, title in titles.items()
        for end, words in {"": title.capitalize(), **ends}.items()
    )


def _batches(frame: pl.DataFrame) -> str:
    return f"n = {written(int(frame['n'].sum() or 0), 'count')} batches"


CARD = Card(
    "why-sites",
    "Every site's gap, taken apart",
    taken_apart,
    _said,
    _drawn,
    (
        Column("site", "Site", "site"),
        Column("n", "Batches", "count"),
        Column("rate", "Fail by own criteria", "percent"),
        *_figures(),
    ),
    count=_batches,
    metric="fails_own",
    note="Batches judged twice, by their site's criteria and by the usual ones; mix is"
    " product, pathway, starting material and process. The three terms sum to the gap"
    " (Kitagawa 1955). Intervals by the delta method, 95 %, counts of batches taken as"
    " given.",
)
