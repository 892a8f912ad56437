"""Panels in the snapshot: every product's answers, written once, read by any page.

Pages judge batches under specifications that nobody has thought of yet; what they need
for that, the answers in the units of the questions, is made when a run publishes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from etl.filling import append, create
from etl.history import quoted
from etl.panel import (
    Intervals,
    Panel,
    Question,
    Words,
    intervals,
    panel,
    questions,
    words,
)

Rows = Callable[[str], pl.DataFrame]

_BATCHES: Final = ("site", "batch", "final_volume_ml", "recipient_weight_band_kg")
_QUESTION: Final = {
    "product": pl.String,
    "question": pl.UInt16,
    "parameter": pl.String,
    "population": pl.String,
    "stage": pl.String,
    "method": pl.String,
    "unit": pl.String,
    "in_words": pl.Boolean,
    "reference_weight_kg": pl.Float64,
    "reference_volume_ml": pl.Float64,
}
_WHERE: Final = {"product": pl.String, "question": pl.UInt16, "position": pl.UInt32}
_FIGURE: Final = {**_WHERE, "low": pl.Float64, "high": pl.Float64}
_WORD: Final = {**_WHERE, "text": pl.String}
_BATCH: Final = {
    "product": pl.String,
    "position": pl.UInt32,
    "site": pl.String,
    "batch": pl.String,
}
_ANSWERS: Final = {
    "replay_batch": _BATCH,
    "replay_figure": _FIGURE,
    "replay_word": _WORD,
}


class PanelTables:
    """The tables `replay_batch`, `replay_question`, `replay_figure` and `replay_word`.

    In the connection's current schema, which has the contract's current rows. A
    product's questions are those of all its class's specifications, members' and
    published ones. A batch keeps its position in its product's panel as long as nothing
    of it changes; an end that is open is the neighbouring float, as in `etl.panel`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        rows = self._rows
        members = rows("select site from site where kind <> 'published'")
        self._members = members["site"].implode()
        criteria = rows(
            "select p.product_class as of, c.* from criterion as c"
            " inner join product as p on c.product = p.product order by all"
        )
        asked = {
            of: [*dict.fromkeys(questions(its.drop("of")).values())]
            for (of,), its in criteria.partition_by("of", as_dict=True).items()
        }
        products = rows("select product, product_class from product order by product")
        self.asked = {name: asked.get(of, []) for name, of in products.iter_rows()}
        self._next: dict[str, int] = {}

    def questions(self) -> pl.DataFrame:
        """The rows of `replay_question`: what is asked of each product, numbered."""
        asked = [
            (product, number, *_as_row(question))
            for product, its in self.asked.items()
            for number, question in enumerate(its)
        ]
        return pl.DataFrame(asked, schema=_QUESTION, orient="row")

    def make(self) -> None:
        """The tables without a batch."""
        create(self._connection, "replay_question", self.questions())
        for table, kinds in _ANSWERS.items():
            create(self._connection, table, pl.DataFrame(schema=kinds))

    def forget(self, touched: str) -> None:
        """Take away the answers of batches that a query names by site and batch."""
        placed = (
            f"select b.product, b.position from replay_batch as b semi join ({touched})"
            " as c on b.site = c.site and b.batch = c.batch"
        )
        for table in ("replay_figure", "replay_word", "replay_batch"):
            self._connection.execute(
                f"delete from {table} as t using ({placed}) as c "
                "where t.product = c.product and t.position = c.position"
            )
        last = self._rows("select product, max(position) from replay_batch group by 1")
        self._next = {product: most + 1 for product, most in last.iter_rows()}

    def add(self, batches: pl.DataFrame, results: pl.DataFrame) -> None:
        """Put batches behind those that are there, with their answers."""
        mine = batches.filter(pl.col("site").is_in(self._members))
        for (product,), part in mine.partition_by("product", as_dict=True).items():
            if product not in self.asked:
                continue
            first = self._next.get(product, 0)
            self._next[product] = first + part.height
            asked = self.asked[product]
            for table, frame in answer_rows(product, asked, part, results).items():
                shifted = frame.with_columns(pl.col("position") + first)
                append(self._connection, table, shifted)

    def _rows(self, sql: str) -> pl.DataFrame:
        answer: pl.DataFrame = self._connection.sql(sql).pl()
        return answer


def answer_rows(
    product: str,
    asked: Sequence[Question],
    batches: pl.DataFrame,
    results: pl.DataFrame,
) -> Mapping[str, pl.DataFrame]:
    """What some batches of a product answered: rows of the tables but the questions'.

    `position` counts the batches in the order of their keys.
    """
    ordered = batches.select(_BATCHES).sort("site", "batch")
    listed = ordered.select("site", "batch").with_row_index("position")
    named = listed.select(pl.lit(product).alias("product"), pl.all())
    return {"replay_batch": named, **_written(panel(results, asked, ordered), product)}


def _written(found: Panel, product: str) -> Mapping[str, pl.DataFrame]:
    figures, texts = [], []
    for number, answer in enumerate(found.answers.values()):
        if isinstance(answer, Intervals):
            figures.append(_placed(product, number, _known(answer)))
        else:
            texts.append(_placed(product, number, _said(answer)))
    return {
        "replay_figure": pl.concat([pl.DataFrame(schema=_FIGURE), *figures]),
        "replay_word": pl.concat([pl.DataFrame(schema=_WORD), *texts]),
    }


def _placed(product: str, number: int, answers: pl.DataFrame) -> pl.DataFrame:
    where = (pl.lit(product), pl.lit(number, pl.UInt16))
    named = [each.alias(name) for each, name in zip(where, _WHERE, strict=False)]
    return answers.select(*named, pl.all())


def _known(answer: Intervals) -> pl.DataFrame:
    frame = pl.DataFrame({"low": answer.low, "high": answer.high})
    placed = frame.with_row_index("position")
    return placed.filter(pl.col("low").is_not_nan())


def _said(answer: Words) -> pl.DataFrame:
    texts = pl.Series("text", answer.texts, pl.String)
    frame = texts.gather(answer.place).to_frame().with_row_index("position")
    return frame.drop_nulls()


def _as_row(question: Question) -> tuple[object, ...]:
    return (
        *(question.parameter, question.population, question.stage, question.method),
        *(question.unit, question.in_words, *question.reference),
    )


@dataclass(frozen=True, eq=False)
class Laid:
    """A product's panel with its batches site by site, in the order of their names.

    `place` says of each position in the tables where its batch lies in the panel;
    `spans` are the sites with the first of their batches and the one after the last.
    """

    panel: Panel
    place: NDArray[np.uint32]
    spans: tuple[tuple[str, int, int], ...]


def read_panel(rows: Rows, product: str) -> Laid:
    """The panel of a product, from the snapshot's tables; empty where it has none."""
    own = f"where product = {quoted(product)}"
    listed = rows(f"select site, position from replay_batch {own} order by site, batch")
    position, height = listed["position"].to_numpy(), listed.height
    place = np.zeros(int(position.max() + 1) if height else 0, np.uint32)
    place[position] = np.arange(height, dtype=np.uint32)
    sites = listed.with_row_index("place").group_by("site", maintain_order=True)
    spans = sites.agg(first=pl.col("place").min(), end=pl.col("place").max() + 1)
    answers = _read_answers(rows, own, place, height)
    return Laid(Panel(height, answers), place, tuple(spans.rows()))


def _read_answers(
    rows: Rows, own: str, place: NDArray[np.uint32], height: int
) -> dict[Question, Intervals | Words]:
    asked = rows(f"select * exclude (product) from replay_question {own}")
    figures = _by_question(rows, "replay_figure", own)
    texts = _by_question(rows, "replay_word", own)
    answers: dict[Question, Intervals | Words] = {}
    for row in asked.iter_rows():
        number, question = row[0], _as_question(row)
        found, kinds = (texts, _WORD) if question.in_words else (figures, _FIGURE)
        known = found.get((number,), pl.DataFrame(schema=kinds))
        here = pl.Series(place[known["position"].to_numpy()])
        if question.in_words:
            answers[question] = words(here, known["text"], height)
        else:
            low, high = known["low"].to_numpy(), known["high"].to_numpy()
            answers[question] = intervals(here, low, high, height)
    return answers


def _by_question(
    rows: Rows, table: str, own: str
) -> Mapping[tuple[object, ...], pl.DataFrame]:
    found = rows(f"select * exclude (product) from {table} {own}")
    return found.partition_by("question", as_dict=True)


def _as_question(row: tuple[object, ...]) -> Question:
    _, parameter, population, stage, method, unit, in_words, weight, volume = row
    return Question(
        *(parameter, population, stage, method, unit, bool(in_words)),  # type: ignore[arg-type]
        (weight, volume),  # type: ignore[arg-type]
    )
