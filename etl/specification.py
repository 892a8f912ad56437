"""What a release criterion demands, in a form that can be laid beside another.

A criterion is a set of acceptable results: an interval with open or closed ends, or a
few texts. Everything else - what was measured, in which cells, at which stage, in which
unit - says whether two such sets speak of the same thing at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Final

import polars as pl

from etl.contract.parameters import meaning
from etl.contract.words import plain

# The only conversions there are; every other unit is its own basis. Kept as fractions:
# 100 per 3e6 and 1000 per 30e6 must meet exactly.
_BASES: Final[Mapping[str, tuple[str, Fraction]]] = {
    "IU/mL": ("EU/mL", Fraction(1)),
    "IU/kg": ("EU/kg", Fraction(1)),
    "beads/3e6 cells": ("beads/1e6 cells", Fraction(1, 3)),
    "beads/30e6 cells": ("beads/1e6 cells", Fraction(1, 30)),
}
# A paper that says "cells" mostly means all of them; compared, but with a mark.
_SAME_POPULATION: Final = {"all_cells": "cells"}
# A one-stage specification says `release` where others say provisional and final.
_SAME_GATE: Final = {"provisional": "release", "final": "release"}
# A culture that is still running: an answer so far, not the answer.
INTERIM: Final = "negative to date"
_NEEDS: Final[Mapping[str | None, tuple[str, ...]]] = {
    ">": ("limit_low",),
    ">=": ("limit_low",),
    "<": ("limit_high",),
    "<=": ("limit_high",),
    "between": ("limit_low", "limit_high"),
    "text": ("text_limit",),
}


def basis_of(unit: str | None) -> tuple[str, Fraction]:
    """The unit that a unit is counted in, and the factor that leads there."""
    return _BASES.get(unit or "", (unit or "", Fraction(1)))


def population_class(population: str) -> str:
    """The population a figure may be compared within: not stated counts as all."""
    return _SAME_POPULATION.get(population, population)


def gate_class(gate: str) -> str:
    """The gates that may be compared: those that decide a release are one class."""
    return _SAME_GATE.get(gate, gate)


@dataclass(frozen=True)
class Limits:
    """The acceptable figures: from `low` to `high`, each end open or closed."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = False
    high_open: bool = False

    def within(self, other: "Limits") -> bool:
        """Whether every figure accepted here is accepted there too."""
        return self._low_within(other) and self._high_within(other)

    def scaled(self, factor: Fraction) -> "Limits":
        """The same demand in a unit that is counted `factor` times as high."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Limits(low, high, self.low_open, self.high_open)

    def _low_within(self, other: "Limits") -> bool:
        if other.low is None or self.low is None:
            return other.low is None
        open_enough = self.low_open or not other.low_open
        return self.low > other.low or (self.low == other.low and open_enough)

    def _high_within(self, other: "Limits") -> bool:
        if other.high is None or self.high is None:
            return other.high is None
        open_enough = self.high_open or not other.high_open
        return self.high < other.high or (self.high == other.high and open_enough)


@dataclass(frozen=True)
class Criterion:
    """One criterion of one version of a specification, in the contract's columns."""

    parameter: str
    operator: str | None = None
    limit_low: float | None = None
    limit_high: float | None = None
    text_limit: str | None = None
    unit: str | None = None
    population: str = "-"
    stage: str = "final_product"
    method: str = "-"
    gate: str = "release"
    status: str = "release"
    logic_group: str | None = None
    reference_weight_kg: float | None = None
    reference_volume_ml: float | None = None
    site: str = "-"
    product: str = "-"
    spec_version: str = "-"
    valid_from: date | None = None
    valid_to: date | None = None

    def __post_init__(self) -> None:
        """A limit that its operator does not find would accept everything."""
        missing = [n for n in _NEEDS.get(self.operator, ()) if getattr(self, n) is None]
        if self.limited and missing:
            raise ValueError(
                f"{self.parameter}: the operator {self.operator!r} needs "
                f"{' and '.join(missing)}; fill it in, or make it informative"
            )

    @cached_property
    def limited(self) -> bool:
        """Whether it demands anything: an informative criterion has no limit."""
        return self.status != "informative" and self.operator is not None

    @cached_property
    def alternatives(self) -> str | None:
        """The name of its or-group, of which any one criterion suffices."""
        name, _, logic = (self.logic_group or "").rpartition(":")
        return name if logic == "or" else None

    @cached_property
    def basis(self) -> str:
        """The unit in which it can be compared.

        A limit per kilogram that states both a reference weight and a volume is a
        fixed concentration, whoever the recipient is, and is compared as one.
        """
        unit = basis_of(self.unit)[0]
        return "EU/mL" if unit == "EU/kg" and self.reference else unit

    @cached_property
    def reference(self) -> Fraction | None:
        """The kilograms per millilitre its specification fixes, where it fixes both."""
        if not self.reference_weight_kg or not self.reference_volume_ml:
            return None
        return exact(self.reference_weight_kg) / exact(self.reference_volume_ml)

    @cached_property
    def stated_limits(self) -> Limits | None:
        """Its interval on the basis of its own unit, before any reference weight."""
        if not self.limited or self.operator == "text":
            return None
        low = None if self.limit_low is None else exact(self.limit_low)
        high = None if self.limit_high is None else exact(self.limit_high)
        interval = {
            ">": Limits(low=low, low_open=True),
            ">=": Limits(low=low),
            "<": Limits(high=high, high_open=True),
            "<=": Limits(high=high),
            "between": Limits(low, high),
        }[self.operator or ""]
        return interval.scaled(basis_of(self.unit)[1])

    @cached_property
    def limits(self) -> Limits | None:
        """Its interval on the basis in which it is compared; None for a text."""
        stated = self.stated_limits
        if stated is None or self.basis == basis_of(self.unit)[0]:
            return stated
        return stated.scaled(self.reference or Fraction(1))

    @cached_property
    def accepted_texts(self) -> frozenset[str] | None:
        """The meanings it accepts; None for a figure.

        Who accepts a culture that is negative so far accepts a finished one too.
        """
        if not self.limited or self.operator != "text":
            return None
        wanted = plain(meaning(self.parameter, self.text_limit or ""))
        return frozenset((wanted, "negative") if wanted == INTERIM else (wanted,))

    def in_words(self) -> str:
        """The limit as a person writes it, such as `>= 70 %`."""
        if not self.limited:
            return "no limit"
        if self.operator == "text":
            return self.text_limit or ""
        low, high = _figure(self.limit_low), _figure(self.limit_high)
        unit = f" {self.unit}" if self.unit else ""
        if self.operator == "between":
            return f"{low} to {high}{unit}"
        return f"{self.operator} {low if self.operator in ('>', '>=') else high}{unit}"


def exact(figure: float) -> Fraction:
    """The decimal that was written, not the nearest binary one."""
    return Fraction(repr(float(figure)))


def _figure(figure: float | None) -> str:
    return "" if figure is None else f"{figure:,.10g}"


def criteria_from(frame: pl.DataFrame) -> tuple[Criterion, ...]:
    """The criteria of a `criterion` frame, in its order; other columns are ignored."""
    names = [field.name for field in fields(Criterion) if field.name in frame.columns]
    return tuple(Criterion(**row) for row in frame.select(names).to_dicts())


def requirements(criteria: tuple[Criterion, ...]) -> list[tuple[Criterion, ...]]:
    """What a batch must satisfy: every tuple, each by any one of its criteria.

    Only criteria of status `release` with a limit; an or-group is one requirement, a
    row of an and-group or of none is a requirement of its own.
    """
    found: dict[object, tuple[Criterion, ...]] = {}
    for position, item in enumerate(criteria):
        if item.status == "release" and item.limited:
            group = item.alternatives
            key = position if group is None else (item.gate, group)
            found[key] = (*found.get(key, ()), item)
    return list(found.values())
