"""Answers that one page asks for again and again, and the same reader's next page."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.snapshot import Snapshot, answering_from, current
from dashboard.viewer import Viewer, current_request

P = ParamSpec("P")
Fact = TypeVar("Fact")
Question = Callable[Concatenate[Viewer, Filters, P], pl.DataFrame]


def kept(fact: Callable[[Snapshot], Fact]) -> Callable[[Snapshot], Fact]:
    """What is decided of a snapshot alone, made once and kept as long as it is open.

    For what the network is and said of itself, which every question is asked of: its
    sites, its criteria, its weeks. It takes no filter and no viewer, so that nothing
    that was asked can be in it; and nobody changes the frame.
    """

    @wraps(fact)
    def known(snapshot: Snapshot) -> Fact:
        found: Fact = snapshot.facts.answer(fact, lambda: fact(snapshot))
        return found

    return known


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
