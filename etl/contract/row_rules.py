"""What must hold of a whole row, as the schemas declare it."""

from collections.abc import Iterator
from dataclasses import dataclass

import dataframely as dy
import polars as pl
from dataframely._rule import RuleFactory


@dataclass(frozen=True)
class RowRule:
    """A rule of a schema: its name, what a site reads as expected, where it looks.

    `holds` is null where a cell is empty, which breaks no rule.
    """

    name: str
    expected: str
    columns: tuple[str, ...]
    holds: pl.Expr


def row_rules(schema: type[dy.Schema]) -> Iterator[RowRule]:
    """The rules written in the schema's class, in their order.

    The first column is the one that is wrong when the rule is broken. dataframely has
    no public list of them, and its own report of failures forgets which rows failed.
    """
    for name, rule in vars(schema).items():
        if isinstance(rule, RuleFactory):
            holds = rule.validation_fn(schema)
            columns = tuple(dict.fromkeys(holds.meta.root_names()))
            expected = (rule.validation_fn.__doc__ or name).strip().rstrip(".")
            yield RowRule(name, expected[0].lower() + expected[1:], columns, holds)
