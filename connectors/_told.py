"""Waiting for an answer, but not for ever."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

from connectors._errors import SourceError

SILENT_SECONDS = 300.0

Value = TypeVar("Value")


class Told(Generic[Value]):
    """An answer under way in a thread of its own, so that waiting for it can end."""

    def __init__(self, ask: Callable[[], Value]) -> None:
        self._value: Value | None = None
        self._wrong: str | None = "no answer"
        self._ended = Event()
        Thread(target=self._run, args=(ask,), daemon=True).start()

    def _run(self, ask: Callable[[], Value]) -> None:
        try:
            self._value, self._wrong = ask(), None
        except BaseException as error:
            # A panic in connectorx is no Exception.
            self._wrong = str(error) or type(error).__name__
        self._ended.set()

    def within(self, seconds: float) -> bool:
        """Whether it ends in so many seconds."""
        return self._ended.wait(seconds)

    def value(self, failed: Callable[[str], SourceError]) -> Value:
        """The answer, or a SourceError made by `failed` from what went wrong."""
        if not self.within(SILENT_SECONDS):
            raise failed(f"no answer in {SILENT_SECONDS:.0f} seconds")
        if self._value is None:
            raise failed(str(self._wrong))
        return self._value
