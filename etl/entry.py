"""One `[[dataset]]` entry of a site, read page by page into what may leave the site."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import polars as pl

from connectors import Page
from etl.bundle import CONTRACT, PART, Bundle, Manifest, Part
from etl.coarse import weekly
from etl.guard import protect, protect_rejects
from etl.mapping import REJECT_SCHEMA, map_page, styles
from etl.network import Site
from etl.settings import DatasetRules

ROW: Final = "_row"
_NO_ROWS: Final = {ROW: pl.Int64, "_origin": pl.String, "_ref": pl.String}


@dataclass
class Entry:
    """The rows of one entry: mapped, past the gate, with pseudonyms, still text.

    `since` is null where everything was asked for. Of a page only that is kept which
    passed the gate, so that nothing which names a person ever reaches the disk.
    """

    site: Site
    rules: DatasetRules
    since: str | None
    records: int = 0
    read: int = 0
    watermark: str | None = None
    _rows: list[pl.DataFrame] = field(default_factory=list)
    _rejects: list[pl.DataFrame] = field(default_factory=list)

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
        self._rows.append(rows.with_columns(pl.col(ROW) + self.read))
        for rejects in (passed.rejects, empty):
            self._rejects.append(rejects.with_columns(pl.col("row") + self.read))
        read = mapped.frame.height + mapped.rejects.height
        self.records += mapped.records
        self.read += read
        self.watermark = page.watermark or self.watermark
        return read

    def rows(self, number: int, first: int) -> pl.DataFrame:
        """Its rows as the part `number` of a bundle, counted on from `first`."""
        frames = self._rows or [pl.DataFrame(schema=_NO_ROWS)]
        return pl.concat(frames, how="diagonal").with_columns(
            pl.col(ROW) + first, pl.lit(number).alias(PART)
        )

    def rejects(self, first: int) -> pl.DataFrame:
        """What was stopped in it, counted on from `first`."""
        frames = self._rejects or [pl.DataFrame(schema=REJECT_SCHEMA)]
        return pl.concat(frames).with_columns(pl.col("row") + first)

    def part(self) -> Part:
        """What the manifest says of it."""
        source = self.site.sources[str(self.rules.source)]
        return Part(
            source=source.name,
            kind=source.kind,
            location=self.rules.location,
            since=self.since,
            watermark=self.watermark,
            records=self.records,
            read=self.read,
            styles=styles(self.rules, self.site.style),
            precision=self.precision,
        )


def bundle_of(
    site: Site, dataset: str, mapping: str, entries: Sequence[Entry]
) -> Bundle:
    """The entries of one dataset, all of them read, as one bundle extracted now."""
    starts = [sum(e.read for e in entries[:i]) for i in range(len(entries))]
    numbered = list(enumerate(zip(entries, starts, strict=True)))
    rows = [entry.rows(number, first) for number, (entry, first) in numbered]
    manifest = Manifest(
        contract=CONTRACT,
        site=site.slug,
        dataset=dataset,
        extracted_at=datetime.now(UTC),
        full=all(entry.since is None and entry.records > 0 for entry in entries),
        empty=not any(entry.records for entry in entries),
        mapping=mapping,
        records=sum(entry.records for entry in entries),
        read=sum(entry.read for entry in entries),
        parts=tuple(entry.part() for entry in entries),
    )
    rejects = [entry.rejects(first) for _, (entry, first) in numbered]
    said = pl.concat(rows, how="diagonal")
    return Bundle(manifest, said.lazy(), pl.concat(rejects).lazy())


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
