"""A proposal as plain data, for programs: what is each column, and how surely."""

from collections.abc import Iterable

from etl.proposal import Guess, Table


def as_data(tables: Iterable[Table]) -> dict[str, object]:
    """The tables looked at, each with its columns in their own order."""
    return {"tables": [_table(table) for table in tables]}


def _table(table: Table) -> dict[str, object]:
    return {
        "from": table.location,
        "read": dict(table.read),
        "datasets": list(table.datasets),
        "decimal": table.decimal,
        "dates": table.dates,
        "columns": [_column(guess) for guess in table.guesses],
    }


def _column(guess: Guess) -> dict[str, object]:
    """`shape` is that of one value; values themselves are never told."""
    meaning = guess.meaning if guess.mapped else None
    return {
        "column": guess.column,
        "dataset": meaning.dataset if meaning else None,
        "means": meaning.column if meaning else None,
        "constants": dict(meaning.constants) if meaning else {},
        "confidence": guess.confidence,
        "sure": guess.sure,
        "doubt": guess.doubt,
        "shape": guess.shape,
        "unit": guess.unit,
        "power": guess.manner.power,
        "fraction": guess.manner.fraction,
        "codes": dict(guess.codes),
        "untranslated": list(guess.unknown),
    }
