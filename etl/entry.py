"""One `[[dataset]]` entry of a site, read page by page into what may leave the site."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import polars as pl
from cryptography.fernet import Fernet, InvalidToken

from connectors import Page
from etl.bundle import (
    GONE,
    KEYS_SCHEMA,
    PART,
    PRESENT,
    Bundle,
    Manifest,
    Part,
)
from etl.coarse import weekly
from etl.contract.version import CONTRACT
from etl.guard import protect, protect_rejects
from etl.mapping import REJECT_SCHEMA, map_page, styles
from etl.network import Site
from etl.settings import DatasetRules
from etl.spool import Spool, State

ROW: Final = "_row"
_NO_ROWS: Final = {ROW: pl.Int64, "_origin": pl.String, "_ref": pl.String}


@dataclass(frozen=True)
class Start:
    """From where an entry is read: `since` is null for everything.

    `compared` is when all its keys were last read; `comparing` says that they are to
    be read now.
    """

    since: str | None = None
    compared: datetime | None = None
    comparing: bool = False


@dataclass
class Entry:
    """The rows of one entry: mapped, past the gate, with pseudonyms, still text.

    Of a page only that is kept which passed the gate, so that nothing which names a
    person ever reaches the disk. `asked` is what the source is asked for: what the
    start says, or what comes after the page before which an earlier pull broke off.
    """

    site: Site
    rules: DatasetRules
    start: Start
    mapping: str = ""
    spool: Spool = field(default_factory=Spool)
    records: int = 0
    read: int = 0
    gone: int = 0
    watermark: str | None = None
    present: int | None = None
    _resume: str | None = None
    _moved: bool = False
    _began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Go on from where an earlier pull broke off, if it left anything."""
        state = self.spool.load(self.mapping, self.start.since)
        resume = _opened(state.resume, self.site) if state else None
        if not state or resume is None:
            self.spool.clear()
            return
        self.records, self.read, self.gone = state.records, state.read, state.gone
        self.watermark, self._began = state.watermark, state.began
        self._resume = resume

    @property
    def asked(self) -> str | None:
        """What the source is asked for."""
        return self._resume or self.start.since

    @property
    def precision(self) -> Literal["day", "week"]:
        """How exact the dates are that leave the site."""
        return self.site.privacy.coarsen if self.site.privacy else "day"

    def add(self, page: Page) -> int:
        """Take in a page; gives the number of rows that it was read as."""
        slug, privacy = self.site.slug, self.site.privacy
        mapped = map_page(page, self.rules, slug)
        passed = protect(mapped.frame, self.rules.name, slug, privacy)
        empty = protect_rejects(mapped.rejects, slug, privacy)
        rows = passed.rows
        if self.precision == "week":
            rows = weekly(rows, self.rules.name, styles(self.rules, self.site.style))
        self.spool.add("rows", rows.with_columns(pl.col(ROW) + self.read))
        for rejects in (passed.rejects, empty):
            self.spool.add("rejects", rejects.with_columns(pl.col("row") + self.read))
        self._add_keys(pl.Series(page.gone, dtype=pl.String), GONE)
        read = mapped.frame.height + mapped.rejects.height
        self.records += mapped.records
        self.read += read
        self.gone += len(page.gone)
        self.watermark = page.watermark or self.watermark
        self._resume, self._moved = page.resume, True
        if self.spool.settle():
            self.keep()
        return read

    def compare(self, keys: Iterable[pl.Series]) -> bool:
        """Take in the refs of all records there are; whether they can be compared.

        Without a key of the source's own, `row 3` is another record every time.
        """
        listed = 0
        for refs in keys:
            if not refs.str.starts_with("record ").all():
                return False
            self._add_keys(refs, PRESENT)
            self.spool.settle()
            listed += len(refs)
        self.present = listed
        return True

    def keep(self) -> None:
        """Lay down what was read, if the source can go on from there."""
        if self._resume is None or not self._moved:
            return
        state = State(
            contract=CONTRACT,
            mapping=self.mapping,
            since=self.start.since,
            began=self._began,
            resume=_cipher(self.site).encrypt(self._resume.encode()).decode(),
            watermark=self.watermark,
            records=self.records,
            read=self.read,
            gone=self.gone,
            parts={},
        )
        self.spool.save(state)

    def rows(self, number: int, first: int) -> pl.LazyFrame:
        """Its rows as the part `number` of a bundle, counted on from `first`."""
        rows = self.spool.table("rows")
        said = pl.LazyFrame(schema=_NO_ROWS) if rows is None else rows
        return said.with_columns(pl.col(ROW) + first, pl.lit(number).alias(PART))

    def rejects(self, first: int) -> pl.LazyFrame:
        """What was stopped in it, counted on from `first`."""
        rejects = self.spool.table("rejects")
        said = pl.LazyFrame(schema=REJECT_SCHEMA) if rejects is None else rejects
        return said.with_columns(pl.col("row") + first)

    def keys(self, number: int) -> pl.LazyFrame:
        """The records that it says are gone, and those that it says are there."""
        keys = self.spool.table("keys")
        said = pl.LazyFrame(schema=KEYS_SCHEMA) if keys is None else keys
        part = pl.lit(number, pl.Int64).alias(PART)
        return said.select(part, "ref", "said")

    def part(self, now: datetime) -> Part:
        """What the manifest says of it."""
        source = self.site.sources[str(self.rules.source)]
        whole = self.start.since is None and self.records > 0
        return Part(
            source=source.name,
            kind=source.kind,
            location=self.rules.location,
            since=self.start.since,
            watermark=self.watermark,
            records=self.records,
            read=self.read,
            styles=styles(self.rules, self.site.style),
            precision=self.precision,
            gone=self.gone,
            present=self.present,
            compared=now if whole or self.present else self.start.compared,
        )

    def _add_keys(self, refs: pl.Series, said: str) -> None:
        if refs.is_empty():
            return
        named = pl.select(
            origin=pl.lit(None, pl.String), ref=refs.cast(pl.String), said=pl.lit(said)
        )
        hidden = protect_rejects(named, self.site.slug, self.site.privacy)
        self.spool.add("keys", hidden.select("ref", "said"))


def bundle_of(
    site: Site, dataset: str, mapping: str, entries: Sequence[Entry]
) -> Bundle:
    """The entries of one dataset, all of them read, as one bundle extracted now."""
    now = datetime.now(UTC)
    starts = [sum(e.read for e in entries[:i]) for i in range(len(entries))]
    numbered = list(enumerate(zip(entries, starts, strict=True)))
    rows = [entry.rows(number, first) for number, (entry, first) in numbered]
    manifest = Manifest(
        contract=CONTRACT,
        site=site.slug,
        dataset=dataset,
        extracted_at=now,
        full=all(e.start.since is None and e.records > 0 for e in entries),
        empty=not any(entry.records for entry in entries),
        mapping=mapping,
        records=sum(entry.records for entry in entries),
        read=sum(entry.read for entry in entries),
        parts=tuple(entry.part(now) for entry in entries),
    )
    rejects = [entry.rejects(first) for _, (entry, first) in numbered]
    keys = [entry.keys(number) for number, (entry, _) in numbered]
    said = pl.concat(rows, how="diagonal")
    return Bundle(manifest, said, pl.concat(rejects), pl.concat(keys))


def _cipher(site: Site) -> Fernet:
    """What a source says of its own place may name a record: it is read here only."""
    key = site.privacy.key if site.privacy else ""
    digest = hashlib.sha256(f"spool of {site.slug}|{key}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def _opened(sealed: str, site: Site) -> str | None:
    try:
        return _cipher(site).decrypt(sealed).decode()
    except InvalidToken:
        return None


def fingerprint(site: Site, entries: Sequence[DatasetRules]) -> str:
    """A text that changes whenever the same source would be read in another way.

    Keyed, because reading options may hold a secret and a manifest is public. What a
    publication says never changes by itself, so its files count as part of the way
    in which it is read.
    """
    rules = "\n".join(entry.model_dump_json() for entry in entries)
    key_id = site.privacy.key_id if site.privacy else "-"
    precision = site.privacy.coarsen if site.privacy else "day"
    said = "\n".join((rules, site.style.model_dump_json(), key_id, precision))
    key = site.privacy.key.encode() if site.privacy else _contents(site)
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def _contents(site: Site) -> bytes:
    folders = (source.options.get("folder") for source in site.sources.values())
    files = (path for f in folders if f for path in Path(str(f)).rglob("*"))
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.digest()
