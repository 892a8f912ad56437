"""Failure rates of sites beside the network's: a comparison that several pages show."""

import math
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from dashboard import queries
from dashboard.analysis import funnel, intervals, multiple
from dashboard.analysis.funnel import Scheme, Widening
from dashboard.analysis.overdispersion import Overdispersion, overdispersion
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import may_list, site_name
from dashboard.viewer import Viewer

VERDICTS = {
    "high998": "above the 99.8 % limit",
    "high95": "above the 95 % limit, within the 99.8 % one",
    "none": "within the limits",
    "low95": "below the 95 % limit, within the 99.8 % one",
    "low998": "below the 99.8 % limit",
}
WIDTHS: Mapping[str, str] = {
    "none": "chance alone",
    "multiplicative": "chance times φ",
    "additive": "chance and τ² between sites",
}


# The site of a row once more, as a link to the batches that its point stands for.
BEHIND = Column("site", "Behind it", "behind")


def behind(frame: pl.DataFrame) -> pl.Series:
    """For each site the one whose batches a click leads to; null where none may be."""
    sites = [site if may_list(site) else None for site in frame["site"]]
    return pl.Series("behind", sites, pl.String)


def compared(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: failures, batches, exact interval, limits, flag and power.

    Failures are those of the definition in force. The limits come from all sites,
    whichever are chosen to be shown, and are those of chance unless the reader chose
    (`width`) to widen them. A site whose reports are less complete than agreed is not
    compared, and says so.
    """
    definition = DEFINITIONS[filters.definition]
    return compared_by(viewer, filters, (definition.column, definition.of))


@queries.remembered
def compared_by(
    viewer: Viewer, filters: Filters, columns: tuple[str, str]
) -> pl.DataFrame:
    """The same comparison of any two counts of batches: events, and out of how many."""
    everyone = all_sites(filters)
    counts = queries.counts(viewer, everyone, columns)
    counts = counts.rename(dict(zip(columns, ("events", "n"), strict=True)))
    frame = counts.join(incomplete(viewer, everyone), on="site", how="left")
    frame = frame.with_columns(reason=pl.coalesce("reason", "why")).drop("why")
    scheme = Scheme(widening=widening(viewer, filters, overdispersion(frame)))
    frame = _with_intervals(multiple.adjusted(funnel.funnel(frame, scheme=scheme)))
    shown = pl.col("site").is_in(queries.headings(viewer, filters))
    return frame.with_columns(
        pl.lit(scheme.widening and scheme.widening.kind, pl.String).alias("widened"),
        pl.lit(scheme.widening and scheme.widening.value, pl.Float64).alias("width"),
    ).filter(shown)


def all_sites(filters: Filters) -> Filters:
    """These filters for all sites: what those that are shown are compared with."""
    return replace(filters, site=(), region=())


@queries.remembered
def incomplete(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The sites whose rows arrived too incompletely to be compared: `site`, `why`."""
    share, agreed = (
        (100 * pl.col(c)).round(0).cast(pl.Int64) for c in ("share", "threshold")
    )
    words = "not compared: {} % of its rows arrived, {} % were agreed"
    return (
        queries.completeness(viewer, filters)
        .filter(pl.col("share") < pl.col("threshold"))
        .select("site", pl.format(words, share, agreed).alias("why"))
    )


def widening(viewer: Viewer, filters: Filters, test: Overdispersion) -> Widening | None:
    """How much the reader wants limits widened; off unless they asked for it.

    Never for who sees others pooled: how sites differ cannot be learned from a pool,
    and the one site beside it would excuse itself.
    """
    asked = filters.extra.get("width")
    found = None
    if asked == "multiplicative" and test.phi is not None:
        found = Widening("multiplicative", test.phi)
    if asked == "additive" and test.tau2 is not None:
        found = Widening("additive", test.tau2)
    return found if found and found.widens and not sees_pools(viewer) else None


def sees_pools(viewer: Viewer) -> bool:
    """Whether some sites reach this viewer only as a pool."""
    return not queries.POOLS.keys().isdisjoint(queries.headings(viewer, Filters()))


def allowance(frame: pl.DataFrame) -> str:
    """A sentence on limits that were widened; nothing where they are those of chance.

    `frame` has the columns `widened` and `width`, as `compared` gives them.
    """
    kinds = frame["widened"].drop_nulls().to_list()
    if not kinds:
        return ""
    return f" Limits are widened: {WIDTHS[kinds[0]]} ({frame['width'][0]:.3g})."


def scheme_of(frame: pl.DataFrame) -> Scheme:
    """The scheme that the limits of a compared frame were made with, for its curve."""
    for kind in ("multiplicative", "additive"):
        if kind in frame["widened"].unique():
            return Scheme(widening=Widening(kind, float(frame["width"][0])))
    return Scheme()


def plotted(frame: pl.DataFrame) -> pl.DataFrame:
    """Rates of sites as a funnel draws them: label, n, value, flag, state, reason."""
    return frame.select(
        pl.Series("label", map(site_name, frame["site"]), pl.String),
        "n",
        pl.col("rate").alias("value"),
        pl.when("compared")
        .then("flagged")
        .otherwise(pl.lit("not_compared"))
        .alias("flag"),
        "state",
        "reason",
    )


def curve(frame: pl.DataFrame) -> pl.DataFrame:
    """The limits of a compared frame at sizes up to its largest site, for drawing.

    Sizes are closer together where the limits bend. Empty where nothing is compared.
    """
    judged = frame.filter("compared")
    largest = max(frame["n"].drop_nulls().to_list(), default=1)
    sizes = {
        max(1, round(math.exp(i * math.log(largest * 1.05) / 120))) for i in range(121)
    }
    centre = float(judged["centre"][0]) if judged.height else math.nan
    limits = funnel.curve(pl.DataFrame({"n": sorted(sizes)}), centre, scheme_of(frame))
    return drawable(limits, centre)


def drawable(limits: pl.DataFrame, centre: float) -> pl.DataFrame:
    """Limits under the names that `figures.funnel` draws."""
    return limits.select(
        "n",
        pl.col("lower998").alias("low998"),
        pl.col("lower95").alias("low95"),
        pl.lit(centre).alias("centre"),
        pl.col("upper95").alias("high95"),
        pl.col("upper998").alias("high998"),
    )


def _with_intervals(frame: pl.DataFrame) -> pl.DataFrame:
    lower, upper = intervals.clopper_pearson(
        frame["events"].fill_null(0), frame["n"].fill_null(0)
    )
    hidden = pl.col("rate").is_null()
    return frame.with_columns(
        pl.Series("lower", lower),
        pl.Series("upper", upper),
        pl.col("flagged")
        .replace_strict(VERDICTS, default="not compared")
        .alias("verdict"),
    ).with_columns(
        pl.when(~hidden).then(pl.col(c)).alias(c) for c in ("lower", "upper")
    )
