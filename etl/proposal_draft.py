"""What a proposal writes into a site's file: entries, their columns, what is left open.

A line that is not sure is written as a comment with its reason; a column that the
contract cannot do without and no source column gives is a comment to be filled in. A
file with open places does not pass `pocnet config check`, which names them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from etl.contract.naming import Meaning
from etl.contract.parameters import parameters
from etl.contract.schemas import SCHEMAS
from etl.contract.vocabulary import VOCABULARIES
from etl.proposal import Guess, Table
from etl.proposal_choice import CONSTANT

_FEW: Final = 18
_STAGE: Final = "check: nothing in the file says which stage was tested"
_CELLS: Final = "check: not stated which cells; cd3, viable_cells, …?"
_RELEASED: Final = "check: a date alone is taken for a release"


@dataclass(frozen=True)
class Style:
    """How most of a site's tables are written, as [style] says it."""

    decimal: str | None
    dates: str | None


@dataclass(frozen=True)
class Line:
    """One contract column: a rule for it, a remark, and whether it is written live.

    `rule` is what stands in the TOML: a source column, or a table of the rule's keys.
    `unknown` are words of the site that no code translates yet.
    """

    target: str
    rule: str | Mapping[str, object]
    remark: str = ""
    live: bool = True
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A `[[dataset.each]]`: one contract row where `when` holds something."""

    when: str
    lines: tuple[Line, ...]
    live: bool
    remark: str = ""


@dataclass(frozen=True)
class Entry:
    """A `[[dataset]]` as it is proposed; `lacks` says why it cannot be used yet."""

    dataset: str
    location: str
    read: Mapping[str, object]
    lines: tuple[Line, ...]
    each: tuple[Block, ...] = ()
    lacks: str = ""


def entries(table: Table, style: Style) -> Iterator[Entry]:
    """The entries that a table is proposed to give, the likeliest dataset first."""
    for place, dataset in enumerate(table.datasets):
        guesses = table.of(dataset)
        shared = _shared(table, dataset) if place else []
        wide = [g for g in guesses if _is_wide(g, place > 0)]
        plain = [g for g in guesses if g not in wide] + shared
        lines = [_line(guess, style, table) for guess in plain]
        each = tuple(_blocks(dataset, wide, style, table))
        inside = {line.target for block in each for line in block.lines}
        told = {line.target for line in lines} | inside
        if place and not each and dataset != "demand":
            continue
        lines += _missing(dataset, told)
        ordered = sorted(lines, key=lambda line: _place(dataset, line.target))
        lacks = _lacks(dataset, told) if place else ""
        yield Entry(dataset, table.location, table.read, tuple(ordered), each, lacks)


def _shared(table: Table, dataset: str) -> list[Guess]:
    """Columns that another dataset of the same table has, too: the batch's number."""
    columns = SCHEMAS[dataset].columns()
    own = {g.meaning.column for g in table.of(dataset) if g.meaning}
    found = [
        replace(g, meaning=Meaning(dataset, g.meaning.column))
        for g in table.of(table.datasets[0])
        if g.meaning and g.meaning.column in columns and not g.meaning.constants
    ]
    return [g for g in found if g.meaning and g.meaning.column not in own]


def _is_wide(guess: Guess, companion: bool) -> bool:
    """Whether a column is one of several that make rows of their own."""
    meaning = guess.meaning
    if meaning is None:
        return False
    return bool(meaning.constants) or (companion and meaning.dataset == "loss")


def _blocks(
    dataset: str, wide: list[Guess], style: Style, table: Table
) -> Iterator[Block]:
    if dataset == "result":
        values = [g for g in wide if g.meaning and g.meaning.column == "value"]
        for guess in values:
            days = [g for g in wide if g not in values and _same_test(g, guess)]
            yield _test(guess, days, style, table)
        return
    groups: dict[tuple[tuple[str, str], ...], list[Guess]] = {}
    for guess in wide:
        assert guess.meaning is not None
        groups.setdefault(guess.meaning.constants, []).append(guess)
    for constants, guesses in groups.items():
        yield _group(dataset, dict(constants), guesses, style, table)


def _same_test(one: Guess, other: Guess) -> bool:
    return bool(one.meaning and other.meaning) and (
        one.meaning.constants == other.meaning.constants  # type: ignore[union-attr]
    )


def _test(guess: Guess, days: list[Guess], style: Style, table: Table) -> Block:
    """The block of one test that has a column, perhaps with days of its own."""
    assert guess.meaning is not None and guess.meaning.parameter is not None
    code = guess.meaning.parameter
    lines = [Line("parameter", {"constant": code})]
    cells = parameters()[code].kind == "number" and code != "endotoxin"
    population = "cells" if cells else "product"
    lines.append(Line("population", {"constant": population}, _CELLS if cells else ""))
    if guess.unit:
        unsaid = guess.manner.unit is None and len(parameters()[code].units) > 1
        remark = "check: no unit in the column's name" if unsaid else ""
        lines.append(Line("unit", {"constant": guess.unit}, remark))
    lines.append(Line("value", _rule(guess, style, table)))
    lines += [replace(_line(day, style, table), live=True) for day in days]
    return Block(guess.column, tuple(lines), guess.sure, _why(guess))


def _group(
    dataset: str,
    constants: Mapping[str, str],
    guesses: list[Guess],
    style: Style,
    table: Table,
) -> Block:
    """The block of what belongs together: the decision and the day of one gate."""
    lines = [Line(column, {"constant": said}) for column, said in constants.items()]
    if constants.get("gate") == "release":
        lines[0] = replace(lines[0], remark="check: or provisional, or final?")
    lines += [_line(guess, style, table) for guess in guesses]
    told = {line.target for line in lines}
    if dataset == "release" and "decision" not in told:
        lines.append(Line("decision", {"constant": "released"}, _RELEASED))
    days = [g for g in guesses if g.meaning and g.meaning.column in ("decided", "lost")]
    when = (days or guesses)[0]
    needed = {"release": "decided", "loss": "lost"}.get(dataset)
    lacks = needed is not None and needed not in told
    doubtful = [guess for guess in guesses if not guess.sure]
    live = not doubtful and not lacks
    remark = _why(doubtful[0]) if doubtful else f"no column gives {needed}" * lacks
    return Block(when.column, tuple(replace(x, live=True) for x in lines), live, remark)


def _line(guess: Guess, style: Style, table: Table) -> Line:
    assert guess.meaning is not None
    return Line(
        guess.meaning.column,
        _rule(guess, style, table),
        _why(guess),
        guess.sure,
        guess.unknown,
    )


def _rule(guess: Guess, style: Style, table: Table) -> str | Mapping[str, object]:
    rule: dict[str, object] = {"column": guess.column}
    decimal = guess.manner.decimal or table.decimal
    if decimal and decimal != (style.decimal or "."):
        rule["decimal"] = decimal
    dates = guess.manner.dates or table.dates
    if guess.manner.dates or (
        _is_date(guess) and dates not in (None, "iso", style.dates)
    ):
        rule["dates"] = dates
    if guess.manner.fraction:
        rule["fraction"] = True
    if guess.manner.power:
        rule["power"] = guess.manner.power
    if guess.codes:
        rule["codes"] = dict(guess.codes)
    return guess.column if len(rule) == 1 and not guess.unknown else rule


def _is_date(guess: Guess) -> bool:
    return guess.meaning is not None and guess.meaning.metadata.get("kind") == "date"


def _why(guess: Guess) -> str:
    return "" if guess.sure else f"{guess.confidence:.2f}: {guess.doubt}"


def _missing(dataset: str, told: set[str]) -> Iterator[Line]:
    """What the contract needs and no column gives: to be said once, or to be found."""
    for name, column in SCHEMAS[dataset].columns().items():
        needed = not column.nullable and (column.metadata or {}).get("missing") is None
        if not needed or name in ("site", *told):
            continue
        if dataset == "result" and name == "stage":
            yield Line(name, {"constant": "final_product"}, _STAGE)
        else:
            yield Line(
                name, {"constant": ""}, f"FILL IN: {_wanted(dataset, name)}", False
            )


def _wanted(dataset: str, name: str) -> str:
    if name == "product":
        return "a product of network.toml, or the column that says it"
    if name not in CONSTANT:
        return "the column that says it"
    vocabulary = (SCHEMAS[dataset].columns()[name].metadata or {}).get("vocabulary")
    words = VOCABULARIES.get(str(vocabulary), ())
    listed = ", ".join(words) if 0 < len(words) <= _FEW else "the same for every row"
    return f"one of {listed}" if words else listed


def _lacks(dataset: str, told: set[str]) -> str:
    """What keeps an entry beside the first one from being of use."""
    if dataset == "demand" and "order_key" not in told:
        return "an order has a number of its own, and no column is called so"
    return ""


def _place(dataset: str, target: str) -> int:
    return list(SCHEMAS[dataset].columns()).index(target)
