"""The bench of questions asks every question, so that none is slow unseen."""

import inspect

import polars as pl

from dashboard import queries
from tests.bench.questions import OF_BATCHES, questions
from tests.demo import LEAD, Demo


def frames() -> set[str]:
    """The functions of queries that answer with rows."""
    return {
        name
        for name in queries.__all__
        if inspect.isfunction(ask := getattr(queries, name))
        and inspect.signature(ask).return_annotation in (pl.DataFrame, "pl.DataFrame")
    }


def test_every_question_is_timed_and_answered(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        answers = {name: ask() for name, ask in questions().items()}
    assert all(isinstance(answer, pl.DataFrame) for answer in answers.values())
    timed = {name.split()[0] for name in answers}
    assert timed == frames()
    assert {*OF_BATCHES} <= timed
