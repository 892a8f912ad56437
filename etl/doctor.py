"""A site examined before it is pulled: what it would send, refuse and lack.

Each source is asked for one page of each entry, and what a pull would do with it is
done, up to the rejects; nothing is written. What is shown has passed the gate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import polars as pl

from connectors import (
    ConfigError,
    Page,
    PocnetError,
    Source,
    SourceError,
    clock,
    open_source,
)
from etl.check import check
from etl.entry import Entry, Start, bundle_of
from etl.guard import shown
from etl.identifiers import shape_expr
from etl.mapping import REJECT_SCHEMA
from etl.network import Network, Site
from etl.settings import DatasetRules

SAMPLE: Final = 3


@dataclass(frozen=True)
class Reject:
    """A rule that rows of the page break: how many, and the first of them."""

    column: str
    rule: str
    expected: str
    rows: int
    read: str | None
    place: str


@dataclass(frozen=True)
class Examined:
    """One `[[dataset]]` entry, read for a page.

    `rows` are at most three of them as they would leave; `unmapped` are columns of the
    source that no rule names, each with the shape of a value, `gone` those that a rule
    names and the source lacks. `problem` says why it could not be read.
    """

    dataset: str
    source: str
    location: str
    problem: str = ""
    records: int = 0
    read: int = 0
    rejected: int = 0
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    rejects: tuple[Reject, ...] = ()
    unmapped: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether it could be read and at least some of it would be taken."""
        some = not self.read or self.rejected < self.read
        return not self.problem and some


@dataclass(frozen=True)
class Reached:
    """One source: what time it is there, as seconds ahead of this machine.

    Null where the protocol does not tell, or it cannot be reached.
    """

    source: str
    kind: str
    ahead: float | None


def examine_sources(site: Site) -> Iterator[Reached]:
    """Each source's clock against this machine's."""
    for source in site.sources.values():
        yield Reached(source.name, source.kind, _ahead(source))


def examine_entries(network: Network, site: Site) -> Iterator[Examined]:
    """Each entry of the site, one page of it read."""
    for rules in site.datasets:
        asked = Examined(rules.name, str(rules.source), rules.location)
        try:
            yield _examined(asked, rules, network, site)
        except SourceError as error:
            yield _failed(asked, error.message)
        except PocnetError as error:
            yield _failed(asked, str(error))


def _failed(asked: Examined, problem: str) -> Examined:
    return Examined(asked.dataset, asked.source, asked.location, problem)


def _examined(
    asked: Examined, rules: DatasetRules, network: Network, site: Site
) -> Examined:
    page = _first_page(site, rules)
    if page is None:
        return asked
    unmapped, gone = _unmapped(page, rules, site), _gone(page, rules)
    entry = Entry(site, rules, Start())
    problem = ""
    try:
        entry.add(page)
    except SourceError as error:
        problem = error.message
    good, rejects = _checked(entry, network, site)
    rows = entry.rows(0, 0).head(SAMPLE).collect() if entry.records else good
    return Examined(
        asked.dataset,
        asked.source,
        asked.location,
        problem,
        records=page.frame.height,
        read=entry.read,
        rejected=rejects["row"].n_unique(),
        rows=_told(rows),
        rejects=tuple(_counted(rejects)),
        unmapped=unmapped,
        gone=gone,
    )


def _first_page(site: Site, rules: DatasetRules) -> Page | None:
    source = site.sources.get(str(rules.source))
    if source is None:
        raise ConfigError(f'There is no source "{rules.source}".')
    return next(iter(open_source(source)(rules.extract, None)), None)


def _checked(
    entry: Entry, network: Network, site: Site
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that a hub would take, and all rejects: of the gate and of the check."""
    if not entry.records:
        return pl.DataFrame(), pl.DataFrame(schema=REJECT_SCHEMA)
    bundle = bundle_of(site, entry.rules.name, "", [entry])
    slices = list(check(bundle, network).slices)
    rejects = [each.rejects.select(*REJECT_SCHEMA) for each in slices]
    goods = [each.good for each in slices if each.good.height]
    good = pl.concat(goods, how="diagonal") if goods else pl.DataFrame()
    return good, pl.concat([pl.DataFrame(schema=REJECT_SCHEMA), *rejects])


def _counted(rejects: pl.DataFrame) -> Iterator[Reject]:
    """The rules broken, the most often broken first."""
    grouped = (
        rejects.group_by("column", "rule", "expected", maintain_order=True)
        .agg(
            pl.col("row").n_unique().alias("rows"),
            pl.col("read").first(),
            pl.col("origin").first(),
            pl.col("ref").first(),
        )
        .sort("rows", descending=True, maintain_order=True)
    )
    for row in grouped.iter_rows(named=True):
        place = f"{row['origin']}, {row['ref']}"
        yield Reject(
            str(row["column"] or "-"),
            row["rule"],
            row["expected"],
            row["rows"],
            row["read"],
            place,
        )


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without what is ours, and without columns that hold nothing."""
    inner = [name for name in rows.columns if name.startswith("_")]
    places = [name for name in ("_origin", "_ref") if name in inner]
    held = [
        name
        for name in rows.columns
        if name not in inner and rows[name].null_count() < rows.height
    ]
    return rows.select(*held, *places)


def _named(rules: DatasetRules) -> set[str]:
    blocks = [rules.columns, *(each.columns for each in rules.each)]
    named = {rule.column for block in blocks for rule in block.values() if rule.column}
    return {name.strip() for name in (*named, *(e.when for e in rules.each if e.when))}


def _unmapped(
    page: Page, rules: DatasetRules, site: Site
) -> tuple[tuple[str, str], ...]:
    """The source's columns that stay where they are, with the shape of a value.

    One table may be read by several entries, each for a dataset of its own.
    """
    here = (rules.source, rules.location)
    alike = [each for each in site.datasets if (each.source, each.location) == here]
    named = {name for each in alike for name in _named(each)}
    left = [name for name in page.frame.columns if name.strip() not in named]
    return tuple(
        (safe, _shape(page.frame[name]))
        for name, safe in zip(left, _safe(left), strict=True)
    )


def _gone(page: Page, rules: DatasetRules) -> tuple[str, ...]:
    there = {name.strip() for name in page.frame.columns}
    return tuple(sorted(_named(rules) - there)) if there else ()


def _safe(names: Sequence[str]) -> list[str]:
    return shown(pl.Series(names, dtype=pl.String)).to_list()


def _shape(column: pl.Series) -> str:
    held = column.drop_nulls().head(1)
    if held.is_empty():
        return ""
    return str(held.to_frame("held").select(shape_expr(pl.col("held"))).item())


def _ahead(source: Source) -> float | None:
    try:
        there = clock(source)
    except PocnetError:
        return None
    return (there - datetime.now(UTC)).total_seconds() if there else None
