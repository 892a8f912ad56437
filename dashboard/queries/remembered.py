"""Answers that one page asks for again and again, and the same reader's next page."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.snapshot import answering_from, current
from dashboard.viewer import Viewer, current_request

P = ParamSpec("P")
Question = Callable[Concatenate[Viewer, Filters, P], pl.DataFrame]


def remembered(question: Question[P]) -> Question[P]:
    """A question that is answered once for each snapshot, viewer, filters and words.

    For what is told by the snapshot alone, and by what its sites had signed when it was
    built: never for what people write, nor for what the clock says. It goes with the
    snapshot, and everybody gets a frame of their own.
    """

    @wraps(question)
    def answered(
        viewer: Viewer, filters: Filters, /, *words: P.args, **named: P.kwargs
    ) -> pl.DataFrame:
        snapshot = current()

        def answer() -> pl.DataFrame:
            # A run that publishes meanwhile is answered from by the next who asks.
            with answering_from(snapshot):
                return question(viewer, filters, *words, **named)

        journal = current_request().journal.path
        said = (*map(_comparable, words), *sorted(map(_named, named.items())))
        asked = (question, journal, viewer, filters, said)
        return snapshot.answers.answer(asked, answer).clone()

    return answered


def _comparable(word: object) -> object:
    """A word of a question as a value that can be looked up."""
    return tuple(word) if isinstance(word, list) else word


def _named(word: tuple[str, object]) -> tuple[str, object]:
    return word[0], _comparable(word[1])
