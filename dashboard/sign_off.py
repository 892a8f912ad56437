"""What others see of a site, what it lets them see, and its signature under it.

Others' views are computed by asking the same questions as they do, so that there is no
second account of what is shown. Numbers that a peer sees are not among them: a pool
without that peer, laid beside one's own, would give the peer away.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import polars as pl

from dashboard import publication, queries
from dashboard.components import written
from dashboard.declaring import declare, own_site
from dashboard.filters import Filters
from dashboard.journal import Entry
from dashboard.proposals import NotWrittenError
from dashboard.publication import GROUPS, STEPS, Group, Step, reaches
from dashboard.rates import VERDICTS
from dashboard.viewer import Viewer, asking, current_request

UNKNOWN: Final = "Only a site publishes and signs, and only its own figures."
AUDIENCES: Final[Mapping[Step, str]] = {
    "lead": "The network's lead",
    "authority": "Your region's authority",
    "all": "Peers, other regions, the public",
}
_NOTHING: Final = "nothing"


def preview(viewer: Viewer) -> pl.DataFrame:
    """One row an audience and group: what it sees now, saw before, will see next.

    Empty for who is no site. `earlier` is null where there is no release before.
    """
    site = viewer.site
    if viewer.role != "site" or site is None:
        return pl.DataFrame()
    now, chosen = _seen(viewer), waiting(viewer)
    earlier: Mapping[tuple[Step, Group], str] = {}
    if (before := queries.previous()) is not None:
        with queries.answering_from(before):
            earlier = _seen(viewer)
    rows = [
        {
            "audience": AUDIENCES[audience],
            "group": GROUPS[group],
            "now": said,
            "earlier": earlier.get((audience, group)),
            "next": "shown" if reaches(chosen[group], audience) else _NOTHING,
            "state": "data",
            "reason": None,
        }
        for (audience, group), said in now.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"reason": pl.String})


def waiting(viewer: Viewer) -> Mapping[Group, Step]:
    """How far the site publishes each group from the next release on."""
    entries = current_request().journal.read(publication.CHOICE, viewer.site or "")
    return publication.chosen(_own(entries), viewer.site or "")


def choose(group: str, step: str, why: str | None) -> str:
    """Write how far a group is published; the sentence that says what was done."""
    site = own_site(UNKNOWN)
    if group not in GROUPS or step not in STEPS:
        raise NotWrittenError("Choose what, and how far it goes.")
    body = {"group": group, "to": step}
    declare(publication.CHOICE, site, body, why)
    return "It is in the journal, and holds from the next release on."


def sign(why: str | None) -> str:
    """Sign what the preview shows; the sentence that says what was done."""
    site, request = own_site(UNKNOWN), current_request()
    snapshot = queries.current()
    period = publication.period_signed(snapshot.as_of)
    body = {
        "period": period,
        "snapshot": snapshot.path.stem,
        "seal": seal(request.viewer),
    }
    declare(publication.SIGNATURE, site, body, why)
    return f"Signed for {period}: it is in the journal, with what you saw sealed."


def seal(viewer: Viewer) -> str:
    """A digest of what the preview shows now, so that a later change is noticed."""
    shown = preview(viewer).select("audience", "group", "now").write_csv()
    return hashlib.sha256(shown.encode()).hexdigest()


def standing(viewer: Viewer) -> pl.DataFrame:
    """One row a site, for the lead: what it signed, whether it is late, its choices."""
    if viewer.role != "lead":
        return pl.DataFrame()
    journal, late = current_request().journal, queries.late(viewer)
    kinds = (publication.CHOICE, publication.SIGNATURE)
    entries = _own(entry for kind in kinds for entry in journal.read(kind))
    rows = []
    for site in queries.sites(viewer).filter(pl.col("kind") != "published")["site"]:
        last = publication.signed(entries, site)
        kept = publication.chosen(entries, site)
        rows.append(
            {
                "site": site,
                "period": last and str(last.body.get("period")),
                "at": last and last.at.date(),
                "late": "unsigned at the deadline" if site in late else "",
                "kept": "; ".join(
                    f"{GROUPS[g]}: {STEPS[s]}" for g, s in kept.items() if s != "all"
                ),
                "state": "data",
                "reason": None,
            }
        )
    schema = {"period": pl.String, "at": pl.Date, "reason": pl.String}
    return pl.DataFrame(rows, schema_overrides=schema)


def signature(viewer: Viewer) -> str:
    """What the site last signed, in words, and whether the figures changed since."""
    entries = current_request().journal.read(publication.SIGNATURE, viewer.site or "")
    last = publication.signed(_own(entries), viewer.site or "")
    if last is None:
        return "You have never signed."
    same = last.body.get("seal") == seal(viewer)
    since = "nothing has changed since" if same else "what others see has changed since"
    day = written(last.at.date(), "date")
    return f"Signed for {last.body.get('period')} on {day}; {since}."


def _seen(viewer: Viewer) -> dict[tuple[Step, Group], str]:
    """What each audience is told of the site, in words, by its own questions."""
    site = viewer.site or ""
    region = queries.region_of(viewer)
    named: dict[Step, Viewer] = {"lead": Viewer("lead")}
    if region:
        named["authority"] = Viewer("authority", region=region)
    found: dict[tuple[Step, Group], str] = {}
    for audience, reader in named.items():
        with _as(reader):
            found |= {(audience, g): ask(reader, site) for g, ask in _ASKED.items()}
    steps = queries.published_steps(viewer)
    pooled = {group: steps[group] == "all" for group in GROUPS}
    found |= {("all", g): _pooled(viewer, g, pooled[g]) for g in GROUPS}
    return found


def _pooled(viewer: Viewer, group: Group, included: bool) -> str:
    if not included:
        return _NOTHING
    if group != "batches":
        return "part of a total, if it is of five sites or more"
    steps = queries.blinded(viewer).filter(who="own")["step"].to_list()
    mark = f"; to peers also an unnamed mark, {VERDICTS[steps[0]]}" if steps else ""
    return f"part of a total, if it is of five sites or more{mark}"


@contextmanager
def _as(reader: Viewer) -> Iterator[None]:
    """Questions in the block are asked as `reader` asks them."""
    request = current_request()
    about = queries.about(request.snapshots, reader)
    with asking(replace(request, viewer=reader, about=about)):
        yield


def _row(frame: pl.DataFrame, site: str) -> dict[str, object]:
    return next(frame.filter(pl.col("site") == site).iter_rows(named=True), {})


def _counted(row: dict[str, object], words: str, *columns: str) -> str:
    """A row's counts in words, or why there are none."""
    if not row:
        return _NOTHING
    if row[columns[0]] is None:
        return str(row["reason"])
    return words.format(*(written(row[c], "count") for c in columns))


def _batches(reader: Viewer, site: str) -> str:
    columns = ("no_product", "no_product_of")
    row = _row(queries.counts(reader, Filters(), columns), site)
    return _counted(row, "{} of {} ended batches gave no product", *columns)


def _slots(reader: Viewer, site: str) -> str:
    row = _row(queries.slot_use(reader, Filters()), site)
    return _counted(row, "{} of {} staffed slots used", "used", "staffed")


def _deviations(reader: Viewer, site: str) -> str:
    row = _row(queries.deviations(reader, Filters()), site)
    return _counted(row, "{} deviations opened", "opened")


def _criteria(reader: Viewer, site: str) -> str:
    rows = queries.criteria(reader, Filters()).filter(pl.col("site") == site)
    return f"{rows.height} limits and tests" if rows.height else _NOTHING


_ASKED: Final[Mapping[Group, Callable[[Viewer, str], str]]] = {
    "batches": _batches,
    "capacity": _slots,
    "deviations": _deviations,
    "criteria": _criteria,
}


def _own(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that their own site wrote."""
    return [entry for entry in entries if entry.own]
