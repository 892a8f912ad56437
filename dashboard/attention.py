"""What needs a look today: each with its evidence and the page that shows more.

Every line comes from the same disclosed frames as the pages, so nobody is told here
what they may not see there.
"""

from collections.abc import Iterator

import polars as pl

from dashboard import queries
from dashboard.analysis import funnel
from dashboard.analysis.multiple import adjusted
from dashboard.components import written
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.rates import compared
from dashboard.viewer import Viewer

SCHEMA = {
    "site": pl.String,
    "what": pl.String,
    "evidence": pl.String,
    "page": pl.String,
    "state": pl.String,
    "reason": pl.String,
}
_Line = dict[str, str | None]


def attention(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a thing to look at: site (or lot), what it is, the evidence, the page."""
    rows = [
        *_flagged(viewer, filters),
        *_silent(viewer, filters),
        *_unanswered(viewer, filters),
        *_discordant(viewer, filters),
        *_lots(viewer, filters),
        *_staffing(viewer, filters),
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def stale_after() -> int:
    """Days after which a site's news is old: a period and the days agreed for it."""
    agreed = queries.current().rules["reporting"].get("days", 0)
    return 31 + int(str(agreed))


def _line(site: str, what: str, evidence: str, page: str) -> _Line:
    return {
        "site": site,
        "what": what,
        "evidence": evidence,
        "page": page,
        "state": "data",
        "reason": None,
    }


def _flagged(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    frame = compared(viewer, filters)
    for row in frame.filter(pl.col("flagged") == "high998").iter_rows(named=True):
        yield _line(
            row["site"],
            "fails more often than chance explains",
            f"{row['events']} of {row['n']} batches"
            f" ({written(row['rate'], 'percent')}); flagged at {row['flag_at998']} or"
            f" more, the network's rate is {written(row['centre'], 'percent')}."
            " Criteria or product mix may explain it.",
            "/failures",
        )


def _silent(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    oldest = stale_after()
    sites = queries.sites(viewer, filters).filter(
        (pl.col("age") > oldest) & ~pl.col("stage").is_in(["suspended", "closed"])
    )
    for row in sites.iter_rows(named=True):
        yield _line(
            row["site"],
            "has stopped reporting",
            f"Its last rows speak of {written(row['last_day'], 'date')},"
            f" {row['age']} days ago; {oldest} were agreed at most.",
            "/quality",
        )


def _unanswered(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    for row in queries.source_errors(viewer, filters).iter_rows(named=True):
        yield _line(
            row["site"], "did not answer the last pull", row["message"], "/quality"
        )


def _discordant(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    found = queries.discordances(viewer, filters).filter(pl.col("severity") == "error")
    for site, n in (
        found.group_by("site").agg(pl.col("batch").n_unique()).sort("site").iter_rows()
    ):
        yield _line(
            site,
            "released batches that failed its own criteria",
            f"{some(n, 'batch was', 'batches were')} released in specification against"
            " a recorded result.",
            "/quality",
        )


def _lots(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    """Lots whose batches fail more than those of other lots of the same kind.

    Many lots are tested at once, so a lot is named only when its p-value adjusted by
    Benjamini and Hochberg stays under 0.002 too.
    """
    lots = queries.lots(viewer, filters)
    for _, kind in lots.group_by("kind", maintain_order=True):
        counts = kind.select(
            pl.format(
                "{} lot {}", pl.col("kind").str.replace_all("_", " "), "lot"
            ).alias("lot"),
            pl.col("failed").alias("events"),
            pl.col("ended").alias("n"),
            "sites",
        )
        judged = adjusted(funnel.funnel(counts)).filter(
            (pl.col("flagged") == "high998") & (pl.col("p_value_adjusted") < 0.002)
        )
        for row in judged.iter_rows(named=True):
            yield _line(
                row["lot"],
                "its batches fail more often than those of other lots",
                f"{row['events']} of {row['n']} batches at"
                f" {some(row['sites'], 'site')}; flagged at {row['flag_at998']} or"
                " more.",
                "/failures",
            )


def _staffing(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    """Sites that lose more batch starts to staff shortage than the others do.

    Counted per theoretical slot, against Poisson limits: losses are not shares of
    anything that was tried.
    """
    slots = queries.slot_use(viewer, filters).select(
        "site", pl.col("theoretical").alias("n")
    )
    lost = queries.slots_lost(viewer, filters).filter(cause="staff")
    staff = lost.select("site", pl.col("lost").alias("events"))
    judged = funnel.funnel(
        slots.join(staff, on="site", how="left").with_columns(
            pl.col("events").fill_null(0)
        ),
        scheme=funnel.Scheme(law="poisson"),
    )
    for row in judged.filter(pl.col("flagged") == "high998").iter_rows(named=True):
        yield _line(
            row["site"],
            "loses slots to staff shortage",
            f"{row['events']:.0f} of {row['n']:.0f} slots in the last weeks"
            f" ({written(row['rate'], 'percent')}, the network"
            f" {written(row['centre'], 'percent')}).",
            "/capacity",
        )
