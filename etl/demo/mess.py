"""The rows that a real site would get wrong, planted where the truth file says so.

Each is an extra record in the site's own system; the sound rows beside it are not
touched, so that what is expected of every dataset can be counted exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from etl.demo.entries import Entry
from etl.demo.members import Member
from etl.demo.notation import Notation, header

Row = dict[str, str | None]


@dataclass(frozen=True)
class Flaw:
    """One wrong record: its dataset, the rule it breaks and what makes it wrong.

    A `repeat` breaks no rule: it is good and counted as repeated. A result of a batch
    that was never sent is good as well, and becomes a finding.
    """

    dataset: str
    rule: str
    column: str | None
    make: Callable[[Notation, Row], Row]


@dataclass
class Count:
    """What is expected of one dataset of one sender."""

    site: str
    dataset: str
    records: int = 0
    read: int = 0
    good: int = 0
    repeated: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    def counted(self) -> dict[str, Any]:
        """The counts as the contract defines them: read = good + rejected."""
        return {
            "site": self.site,
            "dataset": self.dataset,
            "records": self.records,
            "read": self.read,
            "good": self.good,
            "repeated": self.repeated,
            "rejected": self.read - self.good,
        }

    def rejected_rows(self) -> list[dict[str, Any]]:
        """Each planted reject: where, and the rule it breaks."""
        return [
            {"site": self.site, "dataset": self.dataset, "rule": flaw.rule,
             "column": flaw.column, "count": 1}
            for flaw in self.flaws if flaw.rule not in (REPEAT, ORPHAN)
        ]  # fmt: skip


REPEAT = "repeat"
ORPHAN = "result_without_batch"
NEVER_SENT = "TH99-999"


def _said(dataset: str, column: str, text: str) -> Callable[[Notation, Row], Row]:
    """A record whose one column says something else."""

    def make(notation: Notation, row: Row) -> Row:
        return {**row, header(notation, dataset, column): text}

    return make


def _impossible(notation: Notation, row: Row) -> Row:
    texts = {"dmy": "31/02/2024", "iso": "2024-02-31", "mdy": "02/31/2024"}
    return {**row, header(notation, "batch", "started"): texts[notation.dates]}


def _harvest_first(notation: Notation, row: Row) -> Row:
    """The harvest the day of the collection, long before the start."""
    texts = {"dmy": ("05/03/2024", "01/03/2024"), "iso": ("2024-03-05", "2024-03-01"),
             "mdy": ("03/05/2024", "03/01/2024")}  # fmt: skip
    start, harvest = texts[notation.dates]
    gone = ("collected", "received", "infused", "ended")
    emptied = {header(notation, "batch", c): None for c in gone}
    return {
        **row,
        **emptied,
        header(notation, "batch", "started"): start,
        header(notation, "batch", "harvested"): harvest,
    }


def _again(notation: Notation, row: Row) -> Row:
    return row


def _emptied(notation: Notation, row: Row) -> Row:
    """A record of a wide table with no test in it."""
    keys = [header(notation, "result", c) for c in ("batch", "sampled", "spec_version")]
    return {name: row[name] if name in keys else None for name in row}


IMPOSSIBLE = Flaw("batch", "no_such_day", "started", _impossible)
UNKNOWN = Flaw("batch", "vocabulary", "pathway", _said("batch", "pathway", "whatever"))
BACKWARDS = Flaw("batch", "harvested_before_started", None, _harvest_first)
ADDRESSED = Flaw(
    "batch", "identifier", "outcome", _said("batch", "outcome", "ask maria@example.org")
)
WORDED = Flaw("batch", "number", "labour_hours", _said("batch", "labour_hours", "many"))
EMPTY = Flaw("result", "empty_record", None, _emptied)
STRAY = Flaw("result", ORPHAN, "batch", _said("result", "batch", NEVER_SENT))
TWICE = Flaw("result", REPEAT, None, _again)
RELEASED_TWICE = Flaw("release", REPEAT, None, _again)
BOOKED = Flaw("capacity", "number", "used", _said("capacity", "used", "full"))

FLAWS: dict[str, tuple[Flaw, ...]] = {
    "guadalora": (EMPTY,),
    "turiana": (IMPOSSIBLE, UNKNOWN, RELEASED_TWICE),
    "neckarau": (BACKWARDS, WORDED, TWICE),
    "garonnette": (ADDRESSED, UNKNOWN),
    "padanella": (IMPOSSIBLE, BOOKED),
    "cheviotdale": (TWICE, BACKWARDS),
    "thameslea": (WORDED, RELEASED_TWICE, STRAY),
    "lutecine": (IMPOSSIBLE, ADDRESSED),
    "manzanera": (BACKWARDS,),
    "pujiang": (UNKNOWN, TWICE),
}


def planted(
    member: Member, notation: Notation, made: list[Entry]
) -> tuple[list[Entry], list[Count]]:
    """The entries with the site's wrong records, and what is expected of each."""
    flaws = FLAWS.get(member.slug, ())
    counts: dict[str, Count] = {}
    whole = []
    last = {entry.dataset: position for position, entry in enumerate(made)}
    for position, entry in enumerate(made):
        count = counts.setdefault(entry.dataset, Count(member.slug, entry.dataset))
        mine = [f for f in flaws if last[f.dataset] == position]
        whole.append(_with(notation, entry, mine))
        _count(count, entry, mine)
    return whole, list(counts.values())


def _count(count: Count, entry: Entry, flaws: list[Flaw]) -> None:
    sound = int(entry.table.select(entry.rows_of.sum()).item() if entry.each
                else entry.table.height)  # fmt: skip
    again = sum(flaw.rule == REPEAT for flaw in flaws)
    count.records += entry.table.height + len(flaws)
    count.read += sound + len(flaws)
    stray = sum(flaw.rule == ORPHAN for flaw in flaws)
    count.good += sound + again + stray
    count.repeated += again
    count.flaws += flaws


def _with(notation: Notation, entry: Entry, flaws: list[Flaw]) -> Entry:
    if not flaws:
        return entry
    rows = []
    for position, flaw in enumerate(flaws):
        row: Row = entry.table.row(0, named=True)
        if flaw.rule != REPEAT and entry.dataset == "batch":
            row = {**row, header(notation, "batch", "batch"): f"24-9{position}99"}
        rows.append(flaw.make(notation, row))
    more = pl.DataFrame(rows, schema=entry.table.schema)
    return replace(entry, table=pl.concat([entry.table, more]))
