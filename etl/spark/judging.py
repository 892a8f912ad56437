"""Batches judged some at a time: the functions of one machine, over a part of the rows.

A batch is judged by its own results and by criteria that are known to all, so any
portion of the batches can be judged anywhere. Only its place in the panel of all
batches of its product has to be counted beforehand.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from etl import rules
from etl.contract.schemas import SCHEMAS
from etl.judged_tables import Portion, verdicts
from etl.outcome import discordance
from etl.panel import Question
from etl.panel_tables import answer_rows
from etl.plausibility import summarised
from etl.spark.parcels import PARCELS, Tables, as_polars, parcels, unpacked

Together = Callable[[pa.Table, pa.Table], pa.Table]


@dataclass(frozen=True)
class Judging:
    """What every portion is judged by: small, and sent to every worker.

    Called with batches (`made`: with their `position` in the panel, null where they
    are in none) and their results it gives parcels of the tables of judged batches,
    but for `discordance`, and of the answers of `etl.panel_tables`.
    """

    criterion: pl.DataFrame
    usual: pl.DataFrame
    asked: Mapping[str, Sequence[Question]]

    def __call__(self, made: pa.Table, results: pa.Table) -> pa.Table:
        """The parcels of one portion."""
        batches, own = _as("batch", made), _as("result", results)
        undecided: pl.DataFrame = SCHEMAS["release"].create_empty()
        portion = Portion(batches.drop("position"), own, undecided)
        judged = verdicts(portion, self.criterion, self.usual)
        answers = self._answered(batches.drop_nulls("position"), own)
        return _packed(judged, *answers)

    def _answered(
        self, placed: pl.DataFrame, results: pl.DataFrame
    ) -> Iterator[Tables]:
        for (product,), batches in placed.partition_by("product", as_dict=True).items():
            if product not in self.asked:
                continue
            ordered = batches.sort("position")
            asked = self.asked[product]
            tables = answer_rows(product, asked, ordered, results)
            places = ordered["position"]
            yield {
                name: frame.with_columns(position=places[frame["position"]])
                for name, frame in tables.items()
            }


def contradicting(outcomes: pa.Table, release: pa.Table) -> pa.Table:
    """Parcels of `discordance`: decisions that do not follow from the results."""
    found = discordance(as_polars(outcomes), _as("release", release))
    return _packed({"discordance": found})


def finding(packed: pa.Table) -> pa.Table:
    """Parcels of `finding` and `rule_count`, from all that one site says.

    Of its results only the summaries that rules ask for.
    """
    nothing = summarised(SCHEMAS["result"].create_empty())
    found = rules.find({**nothing, **unpacked(packed.to_batches())})
    return _packed({"finding": found.findings, "rule_count": found.counts})


def _packed(*found: Tables) -> pa.Table:
    whole = (packed for tables in found for packed in parcels(tables))
    return pa.Table.from_batches(whole, schema=PARCELS)


def _as(dataset: str, rows: pa.Table) -> pl.DataFrame:
    """Rows in the contract's types; of a column beside them only its own."""
    kinds = SCHEMAS[dataset].create_empty().schema
    frame = as_polars(rows)
    beside = [name for name in frame.columns if name not in kinds and name != "portion"]
    typed = (pl.col(name).cast(kind) for name, kind in kinds.items())
    return frame.select(*typed, *beside)
