"""What several bundles of one dataset say together, in whatever order they came.

A complete bundle speaks for everything its sender has, so nothing before it matters;
the ones after it add and correct. Folding them before the warehouse is touched makes
the state a function of the set of bundles, and writes each row at most once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from etl.bundle import Manifest
from etl.contract.schemas import KEYS

_PLACE = ["origin", "ref"]


@dataclass(frozen=True)
class Arrival:
    """One checked bundle: typed rows, rejects, and how many rows were repeats.

    `good` has the columns of the schema with `origin` and `ref`, one row a key;
    `repeated` counts the good rows that said a key again and are not in it.
    """

    manifest: Manifest
    good: pl.DataFrame
    rejects: pl.DataFrame
    good_rows: int
    repeated: int
    rejected: int

    @property
    def complete(self) -> bool:
        """Whether rows that are not in it are gone at the sender.

        Only a full read with at least one good row is believed that far: an empty
        answer, or one in which every row is refused, says that something broke.
        """
        return self.manifest.full and self.good.height > 0


@dataclass(frozen=True)
class State:
    """What one sender says about one dataset, to be laid over what is known.

    `good` and `rejects` carry `bundle`, the name of the bundle that said each row.
    """

    sender: str
    dataset: str
    complete: bool
    good: pl.DataFrame
    rejects: pl.DataFrame


def fold(arrivals: Sequence[Arrival], *, whole: bool) -> State:
    """The state that the arrivals leave behind, later ones superseding earlier ones.

    `whole` says that nothing else is known of this sender and dataset from before,
    as when a late bundle makes it necessary to replay all of them.
    """
    ordered = sorted(arrivals, key=lambda a: a.manifest.rank)
    last = max((i for i, a in enumerate(ordered) if a.complete), default=0)
    counted = ordered[last:]
    manifest = counted[0].manifest
    return State(
        sender=manifest.site,
        dataset=manifest.dataset,
        complete=whole or counted[0].complete,
        good=_last_said(counted, list(KEYS[manifest.dataset])),
        rejects=_still_refused(counted),
    )


def _last_said(arrivals: Sequence[Arrival], key: list[str]) -> pl.DataFrame:
    stacked = pl.concat([_named(a.good, a) for a in arrivals])
    if len(arrivals) == 1:
        return stacked
    return stacked.unique(key, keep="last", maintain_order=True)


def _still_refused(arrivals: Sequence[Arrival]) -> pl.DataFrame:
    """Rejects whose place in the source was not read again by a later bundle."""
    refused = _named(arrivals[0].rejects, arrivals[0])
    for arrival in arrivals[1:]:
        again = places(arrival.good, arrival.rejects)
        kept = refused.join(again, on=_PLACE, how="anti", nulls_equal=True)
        refused = pl.concat([kept, _named(arrival.rejects, arrival)])
    return refused


def places(good: pl.DataFrame, rejects: pl.DataFrame) -> pl.DataFrame:
    """Every place in the source (`origin`, `ref`) that the rows came from, once."""
    return pl.concat([good.select(_PLACE), rejects.select(_PLACE)]).unique()


def _named(frame: pl.DataFrame, arrival: Arrival) -> pl.DataFrame:
    return frame.with_columns(bundle=pl.lit(arrival.manifest.name))
