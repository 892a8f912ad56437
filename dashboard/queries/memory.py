"""Answers kept by their question, so that each is made once.

What a question depends on stands in it or in whose memory it is: a snapshot's goes with
the snapshot. Nothing is ever taken back, because a published file never changes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


def _each(answer: object) -> int:
    return 1


class Memory(Generic[Answer]):
    """So many answers at `most`, those that were not asked for longest going first.

    So many, or so much of what they `weigh`. Who asks while another makes the answer
    waits for that one: after a run publishes, everybody asks the same at once. An
    answer must never ask for itself.
    """

    def __init__(self, most: int, weigh: Callable[[Answer], int] = _each) -> None:
        self._most, self._weigh = most, weigh
        self._weights: dict[Hashable, int] = {}
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Future[Answer]] = OrderedDict()

    def answer(self, question: Hashable, make: Callable[[], Answer]) -> Answer:
        """The answer to a question, made unless it is known; a failure is not kept."""
        with self._lock:
            known = self._kept.get(question)
            kept = known or self._kept.setdefault(question, Future())
            self._kept.move_to_end(question)
        if known is None:
            self._make(question, kept, make)
        return kept.result()

    def _make(
        self, question: Hashable, kept: Future[Answer], make: Callable[[], Answer]
    ) -> None:
        try:
            kept.set_result(answer := make())
        except BaseException as error:
            with self._lock:
                self._kept.pop(question, None)
            kept.set_exception(error)
            return
        with self._lock:
            if self._kept.get(question) is not kept:
                return
            self._weights[question] = self._weigh(answer)
            while sum(self._weights.values()) > self._most:
                gone, _ = self._kept.popitem(last=False)
                self._weights.pop(gone, None)
