"""Judgement in the snapshot: batches judged a portion at a time, each by itself.

What becomes of a batch follows from its own results, its own decisions and the
criteria, and from no other batch. So a million batches take the memory of one portion,
and when some have changed those alone are judged again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import duckdb
import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.filling import append, create
from etl.outcome import batch_outcomes, discordance
from etl.panel_tables import PanelTables
from etl.replay import in_force, judge
from etl.usual import usual_criteria, usual_outcomes

# Batches judged in one go, of one site or several: some 100 MB at 30 results a batch.
PORTION: Final = 4096
JUDGED: Final = ("judged", "gate_outcome", "discordance", "usual_outcome")
# Row numbers of the frames that were judged together mean nothing afterwards.
_NUMBERS: Final = ("assigned", "criterion")
_READ: Final = ("batch", "result", "release")


@dataclass(frozen=True)
class Portion:
    """Some batches with all that was recorded and decided about them."""

    batch: pl.DataFrame
    result: pl.DataFrame
    release: pl.DataFrame


class Judgement:
    """The tables of judged batches in the connection's current schema.

    `judged` has one row a batch and criterion, `gate_outcome` one a batch and gate,
    `discordance` the decisions that do not follow from results, and `usual_outcome`
    what would have become of each batch under the criteria that most members ask. The
    panels lie beside them (`etl.panel_tables`). All of it is made here, once a
    snapshot, because no page could wait for it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
        self._connection = connection
        self._criterion = connection.sql("from criterion").pl()
        self._usual = members_usual(connection, as_of)
        self._panels = PanelTables(connection)

    def make(self) -> None:
        """All tables anew, of every batch."""
        nothing = {name: SCHEMAS[name].create_empty() for name in _READ}
        for table, frame in self._of(Portion(**nothing)).items():
            create(self._connection, table, frame)
        self._panels.make()
        self._judge('select site, batch from "batch"')

    def again(self, touched: str) -> None:
        """Those batches anew that the query `touched` names by site and batch."""
        for table in JUDGED:
            self._connection.execute(
                f"delete from {table} as t using ({touched}) as c "
                "where t.site = c.site and t.batch = c.batch"
            )
        self._panels.forget(touched)
        self._judge(touched)

    def _judge(self, chosen: str) -> None:
        for portion in portions(self._connection, chosen):
            for table, frame in self._of(portion).items():
                append(self._connection, table, frame)
            self._panels.add(portion.batch, portion.result)

    def _of(self, portion: Portion) -> dict[str, pl.DataFrame]:
        return verdicts(portion, self._criterion, self._usual)


def verdicts(
    portion: Portion, criterion: pl.DataFrame, usual: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """The rows of the four tables that come of a portion; see `Judgement`."""
    assignment = in_force(criterion, portion.batch, portion.result)
    judged = judge(portion.result, criterion, assignment)
    outcomes = batch_outcomes(judged)
    return {
        "judged": judged.drop(_NUMBERS),
        "gate_outcome": outcomes.drop("assigned"),
        "discordance": discordance(outcomes, portion.release),
        "usual_outcome": usual_outcomes(portion.result, usual, assignment),
    }


def members_usual(connection: duckdb.DuckDBPyConnection, as_of: date) -> pl.DataFrame:
    """The criteria that most members ask on a day, in every version of every member."""
    criterion = connection.sql(
        "select c.* from criterion as c inner join site as s on c.site = s.site "
        "where s.kind <> 'published' order by all"
    ).pl()
    return usual_criteria(criterion, as_of)


def portions(connection: duckdb.DuckDBPyConnection, chosen: str) -> Iterator[Portion]:
    """The batches that a query names by site and batch, in the order of their keys."""
    keys = connection.sql(
        f'select b.site, b.batch from "batch" as b semi join ({chosen}) as c '
        "on b.site = c.site and b.batch = c.batch order by b.site, b.batch"
    ).pl()
    for part in keys.iter_slices(PORTION):
        connection.register("portion", part.to_arrow())
        frames = {
            name: connection.sql(
                f'select t.* from "{name}" as t semi join portion as p '
                "on t.site = p.site and t.batch = p.batch"
            ).pl()
            for name in _READ
        }
        connection.unregister("portion")
        yield Portion(**frames)
