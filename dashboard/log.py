"""What pocnet says while it runs: what happened, and one fact a field.

No line names a site, a person or a value. Facts are numbers, kinds and references; of
an error its kind and its places in the code are told, never its message, which may
quote what a source answered. On a terminal it is a line to read; with POCNET_LOG=json
each line is one JSON object.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

import click

_OURS: Final = logging.getLogger("pocnet")
_FACTS: Final = "facts"
_ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Fact = str | int | float | None


def tell(event: str, **facts: Fact) -> None:
    """Something happened that is as it should be."""
    _OURS.info(event, extra={_FACTS: facts})


def warn(event: str, **facts: Fact) -> None:
    """Something happened that somebody should look at."""
    _OURS.warning(event, extra={_FACTS: facts})


def failed(event: str, **facts: Fact) -> None:
    """An error of the code, inside the `except` that caught it."""
    _OURS.error(event, exc_info=True, extra={_FACTS: facts})


def say(message: str) -> None:
    """A sentence of the command line's own, such as why it ends; it names no site."""
    if any(isinstance(h.formatter, _AsJson) for h in logging.getLogger().handlers):
        tell("said", message=message)
    else:
        click.echo(message, err=True)


def begin() -> None:
    """Write to stderr from now on, as the environment says how."""
    form = _AsJson() if os.environ.get("POCNET_LOG") == "json" else _AsText()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    _OURS.setLevel(logging.INFO)


class _AsJson(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_said(record), ensure_ascii=False)


class _AsText(logging.Formatter):
    """The same facts as a line to read."""

    def format(self, record: logging.LogRecord) -> str:
        said = dict(_said(record))
        head = f"{said.pop('at')} {said.pop('level')}: {said.pop('event')}"
        facts = ", ".join(f"{name} {value}" for name, value in said.items())
        return f"{head} ({facts})" if facts else head


def _said(record: logging.LogRecord) -> Mapping[str, object]:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    said: dict[str, object] = {"at": at, "level": record.levelname.lower()}
    facts = getattr(record, _FACTS, None)
    if facts is None:
        # Another library's words may hold anything; where it says them may not.
        facts = {"logger": record.name, "line": record.lineno}
        said["event"] = "said by a library"
    else:
        said["event"] = record.msg
    said |= {name: fact for name, fact in facts.items() if fact is not None}
    if record.exc_info and record.exc_info[0]:
        said |= _error(record.exc_info)
    return said


def _error(info: _ErrorInfo) -> Mapping[str, object]:
    kind, _, at = info
    frames = traceback.extract_tb(at)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"kind": kind.__name__, "places": places}
