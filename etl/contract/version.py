"""Which version of the contract this pocnet speaks, and how it hears earlier ones.

What a site has sent is never written again. So what an earlier version called
otherwise is translated each time it is read, one version after the other, by functions
of rows alone; what is made of the archive is made again. A later version is refused
wherever it is met: rows that are read in the wrong words would be counted.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from connectors import PocnetError

# What a manifest follows that does not say.
FIRST: Final = "1"
CONTRACT: Final = "1"


@dataclass(frozen=True)
class Upgrade:
    """One dataset's rows, mapped and still text, as the next version would say them.

    `renamed` are columns by their earlier names: what a bundle says of how a column is
    written is said of its new name. `rows` is called after they are renamed.
    """

    rows: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda rows: rows
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows one version later."""
        return self.rows(rows.rename(dict(self.renamed), strict=False))


# By the version that is read, then by dataset; whoever raises CONTRACT adds to it.
UPGRADES: Final[Mapping[str, Mapping[str, Upgrade]]] = {}


class NewerError(PocnetError):
    """Something follows a later version than this pocnet, which must not touch it."""


def upgrades(dataset: str, version: str) -> Iterator[Upgrade]:
    """What leads a dataset from a version to this one, step by step."""
    for number in range(int(version), int(CONTRACT)):
        step = UPGRADES.get(str(number), {}).get(dataset)
        if step is not None:
            yield step


def translated(rows: pl.LazyFrame, dataset: str, version: str) -> pl.LazyFrame:
    """Rows of a version of the contract as this one says them."""
    for upgrade in upgrades(dataset, version):
        rows = upgrade(rows)
    return rows


def said_by(raw: bytes) -> str:
    """The version of the contract that a manifest or a record says it follows."""
    try:
        said = json.loads(raw)
    except ValueError:
        return FIRST
    return str(said.get("contract", FIRST)) if isinstance(said, dict) else FIRST


def is_known(version: str) -> bool:
    """Whether this pocnet reads the version: its own, and all before it."""
    return version in map(str, range(int(FIRST), int(CONTRACT) + 1))


def assert_known(version: str, what: str) -> None:
    """NewerError where `what` follows a version that this pocnet does not know."""
    if not is_known(version):
        raise NewerError(
            f"{what} follows version {version} of the contract and this pocnet version "
            f"{CONTRACT}. Nothing was changed: install the newer pocnet here, too."
        )
