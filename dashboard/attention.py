"""What needs a look today: each with its evidence and the page that shows more.

Every line comes from the same disclosed frames as the pages, so nobody is told here
what they may not see there.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from dashboard import queries
from dashboard.analysis import funnel
from dashboard.analysis.limits import Law, exceeding
from dashboard.analysis.lots import KEY
from dashboard.components import written
from dashboard.filters import Filters
from dashboard.names import site_names, some, words
from dashboard.rates import compared
from dashboard.viewer import Viewer

SCHEMA = {
    "kind": pl.String,
    "site": pl.String,
    "what": pl.String,
    "evidence": pl.String,
    "false_alarm": pl.String,
    "page": pl.String,
    "state": pl.String,
    "reason": pl.String,
}
KINDS = {
    "failure_rate": ("fails more than by chance", "/failures"),
    "silence": ("has stopped reporting", "/quality"),
    "no_answer": ("did not answer the last pull", "/quality"),
    "discordance": ("released against results", "/quality"),
    "lot": ("fails more than other lots", "/tracing"),
    "staff": ("loses slots to staffing", "/capacity"),
}
_Line = dict[str, str | None]


def attention(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a thing to look at: site (or lot), what it is, the evidence, the page.

    `kind` and `site` together say which signal it is, from one snapshot to the next;
    `false_alarm` says in words how often there would be one without a cause.
    """
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


def one_in(chance: float, what: str) -> str:
    """A small chance as a reader can picture it: “1 site in 1 250”."""
    if chance < 1e-6:
        return f"fewer than 1 {what} in a million"
    return f"1 {what} in {written(round(1 / chance), 'count')}"


def _line(kind: str, site: str, evidence: str, false_alarm: str) -> _Line:
    what, page = KINDS[kind]
    return {
        "kind": kind,
        "site": site,
        "what": what,
        "evidence": evidence,
        "false_alarm": false_alarm,
        "page": page,
        "state": "data",
        "reason": None,
    }


def _by_chance(at: int, n: float, centre: float, law: Law) -> float:
    """The exact chance of `at` events or more at a site that does not differ."""
    fewer, size = np.asarray([at - 1.0]), np.asarray([float(n)])
    return float(exceeding(fewer, size, centre, law)[0])


def _flagged(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    frame = compared(viewer, filters)
    for row in frame.filter(pl.col("flagged") == "high998").iter_rows(named=True):
        at, n, centre = row["flag_at998"], row["n"], row["centre"]
        chance = _by_chance(at, n, centre, "binomial")
        yield _line(
            "failure_rate",
            row["site"],
            f"{row['events']} of {row['n']} batches"
            f" ({written(row['rate'], 'percent')}); flagged at {row['flag_at998']} or"
            f" more, the network's rate is {written(row['centre'], 'percent')}."
            " Criteria or product mix may explain it.",
            f"By chance alone {one_in(chance, f'site of {n} batches')} is flagged.",
        )


def _silent(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    oldest = stale_after()
    sites = queries.sites(viewer, filters).filter(
        (pl.col("age") > oldest) & ~pl.col("stage").is_in(["suspended", "closed"])
    )
    for row in sites.iter_rows(named=True):
        yield _line(
            "silence",
            row["site"],
            f"Its last rows speak of {written(row['last_day'], 'date')},"
            f" {row['age']} days ago; {oldest} were agreed at most.",
            "No chance in it: days are counted. A site that had no work for so long"
            " looks the same.",
        )


def _unanswered(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    for row in queries.source_errors(viewer, filters).iter_rows(named=True):
        yield _line(
            "no_answer",
            row["site"],
            row["message"],
            "No chance in it: these are the words of the source.",
        )


def _discordant(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    found = queries.discordances(viewer, filters).filter(pl.col("severity") == "error")
    for site, n in (
        found.group_by("site").agg(pl.col("batch").n_unique()).sort("site").iter_rows()
    ):
        yield _line(
            "discordance",
            site,
            f"{some(n, 'batch was', 'batches were')} released in specification against"
            " a recorded result that fails the site's own criteria.",
            "No chance in it: batches are counted. A wrong mapping looks the same.",
        )


def _lots(viewer: Viewer, filters: Filters) -> Iterator[_Line]:
    """Lots on the network's list, for whoever answers for a site that used them."""
    listed = queries.listed_lots(viewer, filters)
    for _, uses in listed.group_by(*KEY, maintain_order=True):
        lot = uses.row(0, named=True)
        supplier = "" if lot["supplier"] == "-" else f" ({lot['supplier']})"
        chance = (
            "Where no lot of a kind differs, at most 1 look in 500 lists one"
            " (Benjamini and Hochberg over all its lots)."
        )
        if lot["chance"] is not None:
            chance += (
                f" {one_in(lot['chance'], 'lot of its use')} reaches so many by chance."
            )
        line = _line(
            "lot",
            f"{words(lot['kind'])} lot {lot['lot']}{supplier}",
            _lot_evidence(uses),
            chance,
        )
        traced = queries.Lot(lot["kind"], lot["supplier"], lot["lot"])
        yield line | {"page": f"{line['page']}?{traced.query}"}


def _lot_evidence(uses: pl.DataFrame) -> str:
    """The lot's own figures for the lead, for others those of the sites they see."""
    lot = uses.row(0, named=True)
    at = site_names(uses["site"].to_list())
    if lot["n"] is not None:
        return (
            f"{lot['events']} of {lot['n']} batches gave no product,"
            f" {written(lot['expected'], 'number')} were expected of their sites and"
            f" products; listed at {lot['flag_at']} or more. Used at {at}."
        )
    counts = uses.select("used", "ended", "failed")
    if counts.sum_horizontal(ignore_nulls=False).null_count():
        return f"It is on the network's list. Used at {at}, in few batches."
    used, ended, failed = counts.sum().row(0)
    return (
        f"It is on the network's list. At {at} {some(used, 'batch', 'batches')} used"
        f" it; of {ended} that have ended, {failed} gave no product."
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
        at, expected = row["flag_at998"], row["n"] * row["centre"]
        chance = _by_chance(at, expected, 1.0, "poisson")
        yield _line(
            "staff",
            row["site"],
            f"{row['events']:.0f} of {row['n']:.0f} slots in the last weeks"
            f" ({written(row['rate'], 'percent')}, the network"
            f" {written(row['centre'], 'percent')}).",
            f"By chance alone {one_in(chance, 'site of its size')} is flagged, if slots"
            " are lost one by one.",
        )
