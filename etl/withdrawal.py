"""Batches that their site has withdrawn: what the archive remembers of it.

It remembers that a pseudonym is withdrawn, by a hash of it and never by itself, since
when and why, and which bundles were written anew without it. A pseudonym has 64 random
bits, so that nobody finds it from its hash, while whoever meets it again knows it. The
records are append-only like all else: lifting a withdrawal is another record.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from connectors import PocnetError
from etl.bundle import Archive, Bundle
from etl.contract.version import NewerError
from etl.mapping import REJECT_SCHEMA
from etl.pseudonym import mark

RULE: Final = "withdrawn"
EVENT_NAME: Final = re.compile(r"withdrawals/([0-9a-f]{64})\.json")
_EXPECTED: Final = "nothing: the site has withdrawn this batch"
# A pseudonym amid other text; what stands before it may belong to it or not.
_SAID: Final = r"[a-z0-9]+-[0-9a-f]{16}"
# Says where a row came from; it holds a pseudonym where a file is named by a batch.
_ORIGIN: Final = "_origin"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime

    def to_bytes(self) -> bytes:
        """The record as it lies in the archive."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    @property
    def name(self) -> str:
        """The hash of its bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


class Withdrawal(_Record):
    """A site wants batches or orders forgotten; `marks` are the hashes of them."""

    kind: Literal["withdrawn"] = "withdrawn"
    site: str
    reason: str
    marks: tuple[str, ...]


class Lifted(_Record):
    """The site sends what is behind these marks again, and wants it taken in."""

    kind: Literal["lifted"] = "lifted"
    site: str
    reason: str
    marks: tuple[str, ...]


class Anew(BaseModel):
    """A bundle that was written anew without so many rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    dataset: str
    old: str
    new: str
    rows: int


class Replaced(_Record):
    """These bundles were written anew, by which these withdrawals are carried out."""

    kind: Literal["replaced"] = "replaced"
    withdrawals: tuple[str, ...]
    bundles: tuple[Anew, ...]


Event = Annotated[Withdrawal | Lifted | Replaced, Field(discriminator="kind")]
_EVENT: Final[TypeAdapter[Withdrawal | Lifted | Replaced]] = TypeAdapter(Event)


@dataclass(frozen=True)
class Register:
    """All that an archive knows of withdrawals, in the order in which it happened."""

    events: tuple[Withdrawal | Lifted | Replaced, ...] = ()

    @cached_property
    def marks(self) -> frozenset[str]:
        """The hashes of what is withdrawn now."""
        marks: set[str] = set()
        for event in self.events:
            if isinstance(event, Withdrawal):
                marks |= {*event.marks}
            elif isinstance(event, Lifted):
                marks -= {*event.marks}
        return frozenset(marks)

    @cached_property
    def replaced(self) -> Mapping[str, Anew]:
        """By its name, what became of each bundle that was written anew."""
        each = (event for event in self.events if isinstance(event, Replaced))
        return {anew.old: anew for event in each for anew in event.bundles}

    @cached_property
    def pending(self) -> tuple[Withdrawal, ...]:
        """Withdrawals that hold and were not carried out, because a run was killed."""
        done = {
            name
            for event in self.events
            if isinstance(event, Replaced)
            for name in event.withdrawals
        }
        return tuple(
            event
            for event in self.events
            if isinstance(event, Withdrawal)
            and event.name not in done
            and self.marks.intersection(event.marks)
        )

    def now(self, name: str) -> tuple[str, int]:
        """The name under which a bundle lies today, and how many rows it has lost."""
        rows = 0
        while name in self.replaced:
            anew = self.replaced[name]
            name, rows = anew.new, rows + anew.rows
        return name, rows


def register_of(archive: Archive) -> Register:
    """The register of an archive; PocnetError where a record of it is damaged."""
    found = []
    for name in archive.shelf.names("withdrawals"):
        if not (named := EVENT_NAME.fullmatch(name)):
            continue
        raw = archive.shelf.read(name)
        if hashlib.sha256(raw).hexdigest() != named[1]:
            raise PocnetError(
                f"{archive.shelf.place(name)} is damaged: its bytes do not match its "
                "name. Bring it back from a backup of the archive."
            )
        try:
            found.append(_EVENT.validate_json(raw))
        except ValidationError:
            raise NewerError(
                f"{archive.shelf.place(name)} was written by a newer version of "
                "pocnet. Nothing was changed: install that version here, too."
            ) from None
    return Register(tuple(sorted(found, key=lambda event: (event.at, event.name))))


def note(archive: Archive, event: Withdrawal | Lifted | Replaced) -> None:
    """Put a record into the archive for good."""
    archive.put_bytes(f"withdrawals/{event.name}.json", event.to_bytes())


def named(bundle: Bundle, marks: Collection[str]) -> list[str]:
    """The withdrawn pseudonyms that stand anywhere in a bundle."""
    tables = (bundle.rows, bundle.rejects, bundle.keys)
    said = (text for table in tables for text in _pseudonyms(table))
    return sorted({each for text in said for each in withdrawn_in(text, marks)})


def named_in(table: pl.LazyFrame, marks: Collection[str]) -> list[str]:
    """The withdrawn pseudonyms that stand anywhere in a table."""
    said = _pseudonyms(table)
    return sorted({each for text in said for each in withdrawn_in(text, marks)})


def withdrawn_in(text: str, marks: Collection[str]) -> Iterator[str]:
    """The withdrawn pseudonyms in a text, also where a word runs into one."""
    for found in re.findall(_SAID, text):
        for start in range(found.index("-")):
            if mark(found[start:]) in marks:
                yield found[start:]


def scrubbed(text: str, marks: Collection[str]) -> str:
    """The text with a word in the place of each withdrawn pseudonym."""
    for each in {*withdrawn_in(text, marks)}:
        text = text.replace(each, RULE)
    return text


def let_in(bundle: Bundle, marks: Collection[str]) -> Bundle:
    """A bundle that arrives, without what its site has withdrawn."""
    found = named(bundle, marks) if marks else []
    return without(bundle, found) if found else bundle


def without(bundle: Bundle, pseudonyms: Iterable[str]) -> Bundle:
    """The bundle without each row that names one of these pseudonyms.

    Nothing vanishes: each row that goes leaves a reject that says which row of which
    file it was and that it is withdrawn, and nothing of what it said. The manifest
    counts them and names the bundle it replaces.
    """
    gone = [*pseudonyms]
    rows, rejects = bundle.rows, bundle.rejects
    goes, refused = _names(rows, gone, (_ORIGIN,)), _names(rejects, gone, ("origin",))
    dataset, counted = bundle.manifest.dataset, pl.col("row").n_unique()
    stubs = [
        _stubs(rows.filter(goes), dataset, gone, ("_row", "_ref")),
        _stubs(rejects.filter(refused), dataset, gone, ("row", "ref")),
    ]
    count = sum(each.select(counted).collect().item() for each in stubs)
    manifest = bundle.manifest.model_copy(
        update={
            "replaces": bundle.manifest.name if bundle.manifest.rows else "",
            "withdrawn": bundle.manifest.withdrawn + count,
        }
    )
    kept = rejects.filter(~refused).with_columns(_renamed("origin", gone))
    return Bundle(
        manifest,
        rows.filter(~goes).with_columns(_renamed(_ORIGIN, gone)),
        pl.concat([kept, *stubs]).unique(maintain_order=True),
        bundle.keys.filter(~_names(bundle.keys, gone, ())),
    )


def _pseudonyms(table: pl.LazyFrame) -> Iterator[str]:
    """Every text of a table that may be a pseudonym, once a column."""
    for name, dtype in table.collect_schema().items():
        if dtype == pl.String:
            said = pl.col(name).unique().str.extract_all(_SAID)
            found = table.select(said).explode(name).unique()
            yield from found.drop_nulls().collect(engine="streaming")[name]


def _names(table: pl.LazyFrame, gone: list[str], but: tuple[str, ...]) -> pl.Expr:
    """Whether a row names one of them in any of its texts but these."""
    texts = [
        pl.col(name).str.contains_any(gone).fill_null(False)
        for name, dtype in table.collect_schema().items()
        if dtype == pl.String and name not in but
    ]
    return pl.any_horizontal(*texts)


def _renamed(origin: str, gone: list[str]) -> pl.Expr:
    return pl.col(origin).str.replace_many(gone, [RULE] * len(gone))


def _stubs(
    rows: pl.LazyFrame, dataset: str, gone: list[str], place: tuple[str, str]
) -> pl.LazyFrame:
    """A reject for each row, which tells its place as far as that names nothing."""
    row, ref = place
    origin = _ORIGIN if ref == "_ref" else "origin"
    said = rows.select(
        site=pl.lit(None, pl.String),
        dataset=pl.lit(dataset),
        row=pl.col(row),
        origin=_renamed(origin, gone),
        ref=pl.when(~pl.col(ref).str.contains_any(gone)).then(pl.col(ref)),
        column=pl.lit(None, pl.String),
        rule=pl.lit(RULE),
        read=pl.lit(None, pl.String),
        expected=pl.lit(_EXPECTED),
    )
    return said.cast(dict(REJECT_SCHEMA.items()))
