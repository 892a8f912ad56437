"""Peers one by one under aliases: a step for each, perhaps a band, never a count.

A site is shown how far each peer lies from the network's rate in five steps, as coarse
as the limits of a funnel, so that no rate times a size gives the counts back. There is
one such comparison a release, over all batches: filters, definitions and periods would
each add a clue, and a product that one site makes would name it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from dashboard import consents
from dashboard.aliases import aliases, key
from dashboard.analysis import reidentification
from dashboard.analysis.funnel import flag_at, funnel, power
from dashboard.analysis.overdispersion import overdispersion
from dashboard.analysis.reidentification import Meter, Rates, Way, banded
from dashboard.filters import Filters
from dashboard.queries.disclosure import DATA, FEWEST_POOLED, Scope, scope
from dashboard.queries.quality import completeness
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer, current_request

FIGURE = "failures-blinded"
NETWORKS = 1000
COLUMNS = {
    "mark": pl.String,
    "who": pl.String,
    "step": pl.String,
    "batches": pl.String,
    "flagged_at": pl.String,
    "power": pl.String,
    "state": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class Sharing:
    """How this release shows peers: the way asked for, the one taken, and its meters.

    `way` is stricter than `asked` where the meter of that one is above its bound.
    """

    asked: Way
    way: Way
    bands: int
    peers: int
    rates: Rates
    meters: dict[Way, Meter]


def blinded(viewer: Viewer) -> pl.DataFrame:
    """One row a mark: its own site by name, each compared peer under an alias.

    `who` is own, named (both agreed) or peer; `step` the funnel's flag. Sites that are
    not compared, and those that do not publish their batches to all, are no marks.
    Fewer than five unnamed peers are none either: the last of four would be known.
    """
    snapshot = current()
    judged = _judged(snapshot, viewer)
    if viewer.site is None or judged.is_empty():
        return pl.DataFrame(schema=COLUMNS)
    peers = [site for site in judged["site"] if site != viewer.site]
    said = consents.spoken(current_request().journal)
    known = consents.named(said, viewer.site) & {*peers}
    unnamed = {*peers} - known
    shared = sharing()
    if len(unnamed) < FEWEST_POOLED or shared.way == "pool":
        unnamed = set()
    called = (
        _called(snapshot, viewer, peers)
        | _names(snapshot, known)
        | {viewer.site: viewer.site}
    )
    who = dict.fromkeys(unnamed, "peer") | dict.fromkeys(known, "named")
    who |= {viewer.site: "own"}
    edges = banded(judged["n"].to_numpy(), shared.bands)
    rows = [
        {
            "mark": called[row["site"]],
            "who": who[row["site"]],
            "step": row["flagged"],
            "state": DATA,
        }
        | (_band(row["n"], row["centre"], edges) if shared.way == "bands" else {})
        for row in judged.to_dicts()
        if row["site"] in who
    ]
    place = pl.col("mark").str.extract(r"^Peer (\d+)$").cast(pl.Int64)
    return pl.DataFrame(rows, schema=COLUMNS).sort(place, "mark", nulls_last=False)


def behind(viewer: Viewer, alias: str) -> str | None:
    """The site behind an alias of this release; None where no mark is called so."""
    snapshot = current()
    if alias not in blinded(viewer).filter(who="peer")["mark"].to_list():
        return None
    peers = [s for s in _judged(snapshot, viewer)["site"] if s != viewer.site]
    called = _called(snapshot, viewer, peers)
    return next(site for site, name in called.items() if name == alias)


def named_peers(viewer: Viewer) -> dict[str, str]:
    """The sites that are named to this one, as both agreed, with their names."""
    said = consents.spoken(current_request().journal)
    return _names(current(), consents.named(said, viewer.site or ""))


def asking_peers(viewer: Viewer) -> dict[str, str]:
    """The sites that offered their name to this one and wait for its answer."""
    said = consents.spoken(current_request().journal)
    waiting = consents.unanswered(said, viewer.site or "")
    return _names(current(), frozenset(word.site for word in waiting))


def sharing() -> Sharing:
    """How this release shows peers one by one, measured for its own membership."""
    snapshot = current()
    rule = snapshot.rules.get("blinding") or {}
    asked: Way = str(rule.get("way", "z"))  # type: ignore[assignment]
    bands = int(str(rule.get("bands", 2)))
    # Of all who may be a mark: each reader has one fewer to tell apart than that.
    every = _compared(snapshot, scope(snapshot, Viewer("public"), Filters()).site)
    sizes = tuple(int(n) for n in sorted(every["n"]))
    if len(sizes) <= FEWEST_POOLED:
        return Sharing(asked, "pool", bands, len(sizes), Rates(), {})
    spread = overdispersion(every.select("site", "events", "n", "state", "reason"))
    rates = Rates.found(round(float(every["centre"][0]), 3), spread.tau2)
    return _measured(asked, bands, sizes, rates)


@lru_cache(maxsize=16)
def _measured(asked: Way, bands: int, sizes: tuple[int, ...], rates: Rates) -> Sharing:
    volumes = np.tile(np.asarray(sizes), (NETWORKS, 1))
    measured: tuple[Way, ...] = ("bands", "z")
    meters = {
        way: reidentification.measured(way, volumes, rates, bands) for way in measured
    }
    way = reidentification.strictest(asked, meters)
    return Sharing(asked, way, bands, len(sizes), rates, meters)


def _judged(snapshot: Snapshot, viewer: Viewer) -> pl.DataFrame:
    """The compared sites that this viewer may be shown, itself among them."""
    if viewer.role != "site":
        return pl.DataFrame()
    may: Scope = scope(snapshot, viewer, Filters())
    return _compared(snapshot, may.site)


@lru_cache(maxsize=8)
def _compared(snapshot: Snapshot, sites: tuple[str, ...]) -> pl.DataFrame:
    counts = snapshot.counts(
        "select site, cast(sum(no_product) as bigint) as events,"
        " cast(sum(no_product_of) as bigint) as n from rollup_batch"
        " where counted and list_contains($sites, site) group by site order by site",
        {"sites": list(sites)},
    ).filter(pl.col("n") > 0)
    lacking = completeness(Viewer("lead"), Filters()).filter(
        pl.col("share") < pl.col("threshold")
    )
    whole = counts.filter(~pl.col("site").is_in(lacking["site"].to_list()))
    return funnel(whole).filter("compared")


def _called(snapshot: Snapshot, viewer: Viewer, peers: list[str]) -> dict[str, str]:
    """The alias of each peer, for this viewer, of this release, in this figure."""
    about = (str(viewer), snapshot.path.stem, FIGURE)
    return aliases(key(current_request().journal.path), about, peers)


def _names(snapshot: Snapshot, sites: frozenset[str]) -> dict[str, str]:
    rows = snapshot.rows("select site, name from site").iter_rows()
    return {site: name for site, name in rows if site in sites}


def _band(n: object, centre: object, edges: np.ndarray) -> dict[str, object]:
    """The band of a volume in words, with its limits: those of the band's two ends."""
    size, rate = int(str(n)), float(str(centre))
    place = int(np.searchsorted(edges, size, side="right"))
    low = int(edges[place - 1]) if place else None
    high = int(edges[place]) if place < len(edges) else None
    ends = [None if e is None else (e, rate) for e in (low, high)]
    at = [None if e is None else flag_at(*e) for e in ends]
    seen = [None if e is None else power(*e, min(2 * rate, 1.0)) for e in ends]
    tens = [None if p is None else round(10 * p) * 10 for p in seen]
    return {
        "batches": _span(low, high),
        "flagged_at": _span(at[0], at[1]),
        "power": _span(tens[0], tens[1], " %"),
    }


def _span(low: int | None, high: int | None, unit: str = "") -> str:
    if low is None:
        return "any number" if high is None else f"up to {high}{unit}"
    return f"{low}{unit} or more" if high is None else f"{low} to {high}{unit}"
