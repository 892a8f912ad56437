"""How most of a table is written, and which of its columns are written otherwise."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from etl.proposal_names import Header
from etl.proposal_values import Looks

_UNSURE: Final = (
    "day first or month first? No value shows it; say `dates` and take the # away"
)


@dataclass(frozen=True)
class Manner:
    """How one column is written where it differs from the rest, and what is unclear.

    `power` is 6 where its figures are in millions, `unit` what its name says.
    """

    decimal: str | None = None
    dates: str | None = None
    fraction: bool = False
    power: int = 0
    unit: str | None = None
    doubt: str = ""


@dataclass(frozen=True)
class Written:
    """How a table is written; null where no value of it shows it."""

    decimal: str | None
    dates: str | None
    own: Mapping[str, Manner] = field(default_factory=dict)

    def of(self, column: str) -> Manner:
        """How one column differs."""
        return self.own.get(column, Manner())


def manner(read: Mapping[str, Looks], heads: Mapping[str, Header]) -> Written:
    """The style of a table, from the columns of it that are to be read.

    Days that have one reading in any style say nothing about the order of the others.
    """
    signs = Counter(seen.decimal for seen in read.values() if seen.decimal)
    orders = Counter(
        seen.sure_order for seen in read.values() if seen.dated and not seen.any_order
    )
    orders.pop(None, None)
    decimal = signs.most_common(1)[0][0] if signs else None
    dates = orders.most_common(1)[0][0] if orders else None
    if dates is None and any(seen.any_order for seen in read.values()):
        dates = "iso"
    own = {
        name: Manner(
            decimal=seen.decimal if seen.decimal not in (None, decimal) else None,
            dates=_own_order(seen, dates),
            power=heads[name].power,
            unit=heads[name].unit,
            doubt=_doubt(seen, dates),
        )
        for name, seen in read.items()
    }
    return Written(decimal, dates, own)


def _own_order(seen: Looks, dates: str | None) -> str | None:
    order = seen.sure_order
    return order if order not in (None, "iso", dates) else None


def _doubt(seen: Looks, dates: str | None) -> str:
    unclear = seen.dated and seen.sure_order is None and dates not in seen.orders
    return _UNSURE if unclear else ""
