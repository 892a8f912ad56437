"""A site's words turned into the contract's columns, still as text.

What comes out, the *mapped frame*, has a String column for every contract column that
is mapped, `site` (the sender, unless the mapping names the owner), `_origin` and
`_ref`. Texts lose their outer blanks, and a text of blanks alone is null: `A12 ` and
`A12` must give one pseudonym. Nothing is parsed here, so how each column was written
has to travel with the rows: `styles`.

When the blocks of a wide record are written in different ways (one column a fraction,
the next in percent), the mapped frame also has `_style` (Int64), the number of the
block from 0. The style of a cell is then `styles["column#2"]` in a row where `_style`
is 2, if there is such an entry, and `styles["column"]` otherwise.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from connectors import Page, SourceError
from etl.contract.schemas import SCHEMAS
from etl.contract.words import plain, plain_expr
from etl.settings import ColumnRule, DatasetRules, Each, Style
from etl.settings_mistakes import LIKENESS, NEARLY_EQUAL, did_you_mean

REJECT_SCHEMA: Final = pl.Schema(
    {
        "site": pl.String,
        "dataset": pl.String,
        "row": pl.Int64,
        "origin": pl.String,
        "ref": pl.String,
        "column": pl.String,
        "rule": pl.String,
        "read": pl.String,
        "expected": pl.String,
    }
)
_SHOWN_COLUMNS: Final = 20


@dataclass(frozen=True)
class Mapped:
    """One page in the contract's columns.

    `records` is what the page held. A record that gave no row is a row of `rejects`
    (`rule` is `empty_record`), so `frame.height + rejects.height` is what was read.
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    records: int


def map_page(page: Page, dataset: DatasetRules, site: str) -> Mapped:
    """The page's records as contract rows: one each, or one for each block that holds.

    Columns that no rule names are dropped here and written nowhere. Rows stay in the
    order of the records, then of the blocks. In `rejects`, `row` continues the count
    of the frame's rows, so that within a page no number is used twice.

    Raises SourceError when a mapped column is not in the page: a column that was
    renamed at the site must not turn into a column of blanks.
    """
    blocks = _blocks(dataset)
    records = _records(page, _find_columns(page.frame, dataset, site))
    targets = [c for c in SCHEMAS[dataset.name].columns() if _mapped(c, blocks)]
    rows = [
        _rows(records, block, targets).with_columns(_style=pl.lit(index, pl.Int64))
        for index, block in enumerate(blocks)
    ]
    mapped = pl.concat(rows).sort("_record", "_style")
    empty = records.join(mapped, on="_record", how="anti", maintain_order="left")
    return Mapped(
        frame=_finished(mapped, page, dataset, site),
        rejects=_empty_records(empty, page, dataset, site, mapped.height),
        records=page.frame.height,
    )


def styles(dataset: DatasetRules, style: Style) -> dict[str, dict[str, object]]:
    """How each mapped column was written: decimal, dates, time_zone, fraction, power.

    Constants are the mapping's own words and always written the contract's way.
    Entries named `column#n` are explained at the top of this module.
    """
    first: dict[str, ColumnRule] = {}
    found: dict[str, dict[str, object]] = {}
    for index, block in enumerate(_blocks(dataset)):
        for column, rule in block.rules.items():
            alike = _manner(first.setdefault(column, rule)) == _manner(rule)
            found[column if alike else f"{column}#{index}"] = _style(rule, style)
    return found


@dataclass(frozen=True)
class _Block:
    """The rules that make one contract row of a record."""

    when: str | None
    rules: Mapping[str, ColumnRule]

    @property
    def sources(self) -> Iterator[str]:
        """The source columns it reads."""
        yield from (rule.column for rule in self.rules.values() if rule.column)


def _blocks(dataset: DatasetRules) -> list[_Block]:
    each = dataset.each or (Each(columns={}),)
    return [_Block(one.when, {**dataset.columns, **one.columns}) for one in each]


def _mapped(column: str, blocks: list[_Block]) -> bool:
    return any(column in block.rules for block in blocks)


def _manner(rule: ColumnRule) -> tuple[object, ...]:
    """What sets a rule's style, beside the site's own."""
    own = rule.decimal, rule.dates, rule.fraction, rule.power
    return rule.constant is None, *own


def _style(rule: ColumnRule, style: Style) -> dict[str, object]:
    own = Style() if rule.constant is not None else style
    written: dict[str, object] = {
        "decimal": rule.decimal or own.decimal,
        "dates": rule.dates or own.dates,
        "time_zone": own.time_zone,
        "fraction": rule.fraction,
    }
    return written | {"power": rule.power} if rule.power else written


def _key(name: str) -> str:
    # macOS writes é as e and an accent, and headers often end in a blank.
    return unicodedata.normalize("NFC", name).strip()


def _find_columns(
    frame: pl.DataFrame, dataset: DatasetRules, site: str
) -> dict[str, str]:
    """The page's column for each source column the mapping names."""
    blocks = _blocks(dataset)
    named = {name for block in blocks for name in block.sources}
    named |= {block.when for block in blocks if block.when}
    # A system that has no record to say often names no columns, or its key alone.
    if not frame.height:
        return {name: name for name in named}
    there = {_key(name): name for name in reversed(frame.columns)}
    there |= {name: name for name in frame.columns}
    found = {name: there.get(name) or there.get(_key(name)) for name in sorted(named)}
    if gone := [name for name, column in found.items() if column is None]:
        message = _gone(gone, frame.columns, any(found.values()))
        mend = f'Mend the mapping of "{dataset.name}" in sites/{site}.toml'
        raise SourceError(f"{message} {mend}.", site=site, source=dataset.source)
    return {name: column for name, column in found.items() if column}


def _gone(gone: list[str], columns: list[str], any_found: bool) -> str:
    # With none found, the first line may be no header but somebody's data: a name is
    # then shown only when it is nearly the mapped one.
    likeness = LIKENESS if any_found else NEARLY_EQUAL
    hints = {name: did_you_mean(name, columns, likeness).strip() for name in gone}
    names = ", ".join(
        f'"{name}"' + f" ({hint})" * bool(hint) for name, hint in hints.items()
    )
    if not any_found:
        return (
            f"None of the mapped columns is there: {names}. The source has "
            f"{len(columns)} columns; is the header on another line, or the "
            "delimiter another one?"
        )
    shown = ", ".join(f'"{name}"' for name in columns[:_SHOWN_COLUMNS])
    more = len(columns) - _SHOWN_COLUMNS
    rest = f" and {more} more" if more > 0 else ""
    return f"Mapped columns that are gone: {names}. The source has {shown}{rest}."


def _source(name: str) -> pl.Expr:
    """A source column among the records; no site's name for one can hide ours."""
    return pl.col(f"<{name}>")


def _records(page: Page, found: Mapping[str, str]) -> pl.DataFrame:
    frame = page.frame
    if not frame.height:
        frame = pl.DataFrame(schema=dict.fromkeys(found.values(), pl.String))
    return frame.select(
        pl.int_range(pl.len()).alias("_record"),
        page.refs.cast(pl.String).alias("_ref"),
        *(
            _filled(pl.col(column).str.strip_chars()).alias(f"<{name}>")
            for name, column in found.items()
        ),
    )


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _rows(records: pl.DataFrame, block: _Block, targets: list[str]) -> pl.DataFrame:
    cells = {
        name: _cell(block.rules[name]) if name in block.rules else pl.lit(None)
        for name in targets
    }
    return records.filter(_holds(block)).select(
        "_record",
        "_ref",
        **{name: cell.cast(pl.String) for name, cell in cells.items()},
    )


def _holds(block: _Block) -> pl.Expr:
    """Whether a record says anything that this block could be made of."""
    if block.when:
        return _source(block.when).is_not_null()
    said = [_source(name).is_not_null() for name in block.sources]
    return pl.any_horizontal(said) if said else pl.lit(True)


def _cell(rule: ColumnRule) -> pl.Expr:
    if rule.column is None:
        said = rule.constant
        said = said.isoformat() if isinstance(said, date) else str(said)
        return _filled(pl.lit(said.strip()))
    text = _source(rule.column)
    return _filled(_translated(text, rule.codes)) if rule.codes else text


def _translated(text: pl.Expr, codes: Mapping[str, str]) -> pl.Expr:
    """Our words for the site's; a word that is in no code stays, to be rejected later.

    A word is looked up as it is written, then in lower case without outer dots. Where
    two codes differ in nothing else, only the first way can tell them apart.
    """
    exact = {said.strip(): ours.strip() for said, ours in codes.items()}
    loose: dict[str, set[str]] = {}
    for said, ours in exact.items():
        loose.setdefault(plain(said), set()).add(ours)
    certain = {said: min(ours) for said, ours in loose.items() if len(ours) == 1}
    return pl.coalesce(
        text.replace_strict(exact, default=None, return_dtype=pl.String),
        plain_expr(text).replace_strict(certain, default=None, return_dtype=pl.String),
        text,
    )


def _finished(
    mapped: pl.DataFrame, page: Page, dataset: DatasetRules, site: str
) -> pl.DataFrame:
    frame = mapped.drop("_record", "_ref", "_style").with_columns(
        _origin=pl.lit(page.origin), _ref=mapped["_ref"]
    )
    sender = sender_column(dataset.name, set(frame.columns))
    if sender:
        frame = frame.select(pl.lit(site).alias(sender), pl.all())
    if any("#" in column for column in styles(dataset, Style())):
        frame = frame.with_columns(mapped["_style"])
    return frame


def sender_column(dataset: str, mapped: Set[str]) -> str | None:
    """The column that says who sent a row, where the mapping does not: filled with it.

    That is `site`; in rows that belong to nobody or to a `site` the mapping names, it
    is the `laboratory`.
    """
    columns = SCHEMAS[dataset].columns()
    if "site" in columns and "site" not in mapped:
        return "site"
    return "laboratory" if "laboratory" in set(columns) - mapped else None


def _empty_records(
    empty: pl.DataFrame, page: Page, dataset: DatasetRules, site: str, first: int
) -> pl.DataFrame:
    blocks = _blocks(dataset)
    needed = {
        name for b in blocks for name in ([b.when] if b.when else list(b.sources))
    }
    expected = "something in " + " or ".join(f'"{name}"' for name in sorted(needed))
    return empty.select(
        site=pl.lit(site),
        dataset=pl.lit(dataset.name),
        row=first + pl.int_range(pl.len()),
        origin=pl.lit(page.origin),
        ref=pl.col("_ref"),
        column=pl.lit(None),
        rule=pl.lit("empty_record"),
        read=pl.lit(None),
        expected=pl.lit(expected),
    ).cast(REJECT_SCHEMA)
