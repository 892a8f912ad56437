"""What would leave a site, shown to the site before anything does.

The same steps as in earnest, over the first page of each source, and nothing is
written: each column that would leave, where it comes from and what is done to it, and
three rows as they would go.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from connectors import Page, SourceError, open_source
from etl.aggregate import Aggregation
from etl.collect import Collection, Window
from etl.contract.reporting import BATCH_LEVEL, STRATUM
from etl.contract.schemas import SCHEMAS
from etl.entry import Entry, Start
from etl.mapping import sender_column
from etl.network import Site
from etl.pseudonym import pseudonym_columns
from etl.rotation import SENT_LIST, Sent, remembering
from etl.settings import ColumnRule, DatasetRules
from etl.site_folder import SiteFolder

SAMPLE: Final = 3


@dataclass(frozen=True)
class Field:
    """One column that would leave: ours, where it comes from, what is done to it."""

    column: str
    origin: str
    treatment: str


@dataclass(frozen=True)
class Preview:
    """One `[[dataset]]` entry as it would leave.

    `rows` are at most three of them; `staying` are the columns of the source that no
    mapping names, which are read into nothing; `stopped` counts the rows of the first
    page that the gate or the mapping stops. `problem` says why nothing could be read.
    """

    dataset: str
    location: str
    fields: tuple[Field, ...]
    rows: pl.DataFrame
    staying: tuple[str, ...] = ()
    stopped: int = 0
    problem: str = ""


def previews(folder: SiteFolder) -> Iterator[Preview]:
    """Each entry of the site as it would leave; sources are asked for one page.

    Where counts leave, all batches are read to be counted, and only the counts shown.
    """
    site = remembering(folder.site, Sent(folder.data / SENT_LIST).pseudonyms)
    counting = folder.agent.rules.share == "aggregates"
    for rules in site.datasets:
        if not (counting and rules.name in BATCH_LEVEL):
            yield _preview(site, rules)
    if counting:
        yield _counts(folder)


def _preview(site: Site, rules: DatasetRules) -> Preview:
    entry = Entry(site, rules, Start())
    fields = tuple(_fields(site, rules))
    empty = Preview(rules.name, rules.location, fields, pl.DataFrame())
    try:
        page = _first_page(site, rules)
    except SourceError as error:
        return replace(empty, problem=error.message)
    if page is None:
        return empty
    entry.add(page)
    rows = entry.rows(0, 0).head(SAMPLE).collect()
    stopped = entry.rejects(0).select(pl.col("row").n_unique()).collect().item()
    named = [field.column for field in fields if field.column in rows.columns]
    return replace(
        empty, rows=rows.select(named), staying=_staying(page, rules), stopped=stopped
    )


def _counts(folder: SiteFolder) -> Preview:
    """The counts that would leave in place of batches, made in memory."""
    collection = Collection(folder.site, {}, Window(full=True))
    bundles = collection.bundles(lambda step: None, threading.Event())
    aggregation = Aggregation(folder.network, folder.site)
    made = {b.manifest.dataset: b.rows.collect() for b in aggregation.counted(bundles)}
    said = [*aggregation.notes, *(failure.message for failure in collection.failures)]
    fields = tuple(
        Field(name, "batches, counted here", "plain, one figure for all of a stratum")
        for name in SCHEMAS[STRATUM].column_names()
    )
    if STRATUM not in made:
        return Preview(STRATUM, "", fields, pl.DataFrame(), problem=" ".join(said))
    names = [field.column for field in fields]
    return Preview(
        STRATUM, "all batches", fields, made[STRATUM].select(names).head(SAMPLE)
    )


def _first_page(site: Site, rules: DatasetRules) -> Page | None:
    read = open_source(site.sources[str(rules.source)])
    return next(iter(read(rules.extract, None)), None)


def _fields(site: Site, rules: DatasetRules) -> Iterator[Field]:
    blocks = [each.columns for each in rules.each] or [{}]
    every = [{**rules.columns, **block} for block in blocks]
    mapped = {column for block in every for column in block}
    sender = sender_column(rules.name, mapped)
    for column in SCHEMAS[rules.name].columns():
        if column == sender:
            yield Field(column, "this site's slug", "plain")
        said = [_origin(block[column]) for block in every if column in block]
        if said:
            origin = ", ".join(dict.fromkeys(said))
            yield Field(column, origin, _treatment(site, rules, column, every))
    yield Field("_origin", "name of the file, sheet, table or path", _places(site))
    yield Field("_ref", "line, row or record", _places(site))


def _origin(rule: ColumnRule) -> str:
    if rule.column is None:
        return f"constant {rule.constant}"
    return f'column "{rule.column}"' + " through codes" * bool(rule.codes)


def _treatment(
    site: Site,
    rules: DatasetRules,
    column: str,
    blocks: list[dict[str, ColumnRule]],
) -> str:
    definition = SCHEMAS[rules.name].columns()[column]
    kind = (definition.metadata or {}).get("kind")
    if site.privacy and column in pseudonym_columns(rules.name):
        return f"pseudonym with key {site.privacy.key_id}"
    if site.privacy and site.privacy.coarsen == "week" and kind == "date":
        return "Monday of its week"
    constant = all(b[column].column is None for b in blocks if column in b)
    return "plain, the mapping's own" if constant else "plain, past the gate"


def _places(site: Site) -> str:
    return "plain, numbers of the site's own as pseudonyms" if site.privacy else "plain"


def _staying(page: Page, rules: DatasetRules) -> tuple[str, ...]:
    blocks = [rules.columns, *(each.columns for each in rules.each)]
    named = {rule.column for block in blocks for rule in block.values()}
    return tuple(name for name in page.frame.columns if name.strip() not in named)
