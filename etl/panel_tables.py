"""Panels in the snapshot: every product's answers, written once, read by any page.

Pages judge batches under specifications that nobody has thought of yet; what they need
for that, the answers in the units of the questions, is made when a run publishes.
"""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

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
_TABLES: Final = {
    "replay_batch": _BATCH,
    "replay_question": _QUESTION,
    "replay_figure": _FIGURE,
    "replay_word": _WORD,
}


def panel_tables(rows: Rows) -> Mapping[str, pl.DataFrame]:
    """The tables `replay_batch`, `replay_question`, `replay_figure` and `replay_word`.

    `rows` answers SQL over the contract's current rows. A product's questions are those
    of all its class's specifications, members' and published ones. An end that is open
    is the neighbouring float, as in `etl.panel`.
    """
    products = rows(
        "select distinct b.product, p.product_class from batch as b"
        " inner join site as s on b.site = s.site and s.kind <> 'published'"
        " inner join product as p on b.product = p.product order by b.product"
    )
    parts = {table: [pl.DataFrame(schema=kinds)] for table, kinds in _TABLES.items()}
    for product, of in products.iter_rows():
        for table, frame in _of_product(rows, product, of).items():
            parts[table].append(frame)
    return {table: pl.concat(frames) for table, frames in parts.items()}


def _of_product(rows: Rows, product: str, of: str) -> Mapping[str, pl.DataFrame]:
    quoted, its_class = (text.replace("'", "''") for text in (product, of))
    batches = rows(
        f"select {', '.join(f'b.{name}' for name in _BATCHES)} from batch as b"
        " inner join site as s on b.site = s.site and s.kind <> 'published'"
        f" where b.product = '{quoted}' order by b.site, b.batch"
    )
    criteria = rows(
        "select c.* from criterion as c"
        " inner join product as p on c.product = p.product"
        f" where p.product_class = '{its_class}'"
        " order by all"
    )
    results = rows(
        "select r.* from result as r"
        " inner join batch as b on r.site = b.site and r.batch = b.batch"
        f" where b.product = '{quoted}'"
    )
    asked = list(dict.fromkeys(questions(criteria).values()))
    found = panel(results, asked, batches)
    listed = batches.select("site", "batch").with_row_index("position")
    listed = listed.select(pl.lit(product).alias("product"), pl.all())
    return {"replay_batch": listed, **_written(found, product)}


def _written(found: Panel, product: str) -> Mapping[str, pl.DataFrame]:
    asked, figures, texts = [], [], []
    for number, (question, answer) in enumerate(found.answers.items()):
        asked.append((product, number, *_as_row(question)))
        if isinstance(answer, Intervals):
            figures.append(_placed(product, number, _known(answer)))
        else:
            texts.append(_placed(product, number, _said(answer)))
    return {
        "replay_question": pl.DataFrame(asked, schema=_QUESTION, orient="row"),
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


def read_panel(rows: Rows, product: str) -> Panel:
    """The panel of a product, from the snapshot's tables; empty where it has none."""
    quoted = product.replace("'", "''")
    own = f"where product = '{quoted}'"
    (height,) = rows(f"select count(*) from replay_batch {own}").row(0)
    asked = rows(f"select * exclude (product) from replay_question {own}")
    figures = _by_question(rows, "replay_figure", own)
    texts = _by_question(rows, "replay_word", own)
    answers: dict[Question, Intervals | Words] = {}
    for row in asked.iter_rows():
        number, question = row[0], _as_question(row)
        if question.in_words:
            own_texts = texts.get((number,), pl.DataFrame(schema=_WORD))
            answers[question] = words(own_texts["position"], own_texts["text"], height)
        else:
            known = figures.get((number,), pl.DataFrame(schema=_FIGURE))
            low, high = known["low"].to_numpy(), known["high"].to_numpy()
            answers[question] = intervals(known["position"], low, high, height)
    return Panel(height, answers)


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
