"""A figure's own address: what was asked, by whom, of which run, and seals of it.

A link may be printed in a report and come back years later. It carries no number: the
sentence and each column of the rows are sealed with a key that never leaves the hub, so
that whoever holds a link can neither read nor guess what another viewer was told, and
nobody can make up a link for figures that were never shown. What is sealed are the
disclosed rows, as the API gives them; a hidden value is hidden before.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import polars as pl

from connectors import ConfigError
from dashboard import export, queries
from dashboard.filters import Filters
from dashboard.secret_file import secret_in
from dashboard.viewer import Viewer, current_request

PATH: Final = "/figure/"
SENTENCE: Final = "sentence"
KEY_FILE: Final = "links.key"
# Shown digits: a sum that was made in another order differs in the last of sixteen.
_DIGITS: Final = 9
_RUN, _VIEWER, _COUNTED, _SEALS = "in-run", "shown-to", "counted-by", "seals"
_OURS: Final = (_RUN, _VIEWER, _COUNTED, _SEALS)


@dataclass(frozen=True)
class Counted:
    """By what a figure was counted: the marts, the network's rules, and whose seal."""

    marts: str
    rules: str
    key: str

    def __str__(self) -> str:
        return f"{self.marts}.{self.rules}.{self.key}"


@dataclass(frozen=True)
class Permalink:
    """A link taken apart. `query` is what the card was asked, as in its page's address.

    `seals` are in the order of `Sealed.parts`.
    """

    card: str
    query: Mapping[str, str]
    run: int
    viewer: str
    counted: Counted
    seals: tuple[str, ...]


def link(card: str, sentence: str, frame: pl.DataFrame, filters: Filters) -> str | None:
    """The address of a figure that is being shown; None outside of a request.

    None too while a run is just publishing: the rows may be of either snapshot then.
    """
    try:
        request = current_request()
        snapshot = queries.current()
        counted = counted_by(snapshot, request.journal.path)
    except (LookupError, OSError, ValueError):
        # A key that cannot be read or made takes no figure away.
        return None
    if snapshot.path.stem != request.about.snapshot:
        return None
    asked = Asked(card, filters.to_query(), snapshot.path.stem, request.viewer)
    seals = sealed(asked, sentence, frame, key(request.journal.path)).values()
    ours = {
        _RUN: asked.run,
        _VIEWER: str(asked.viewer),
        _COUNTED: str(counted),
        _SEALS: "-".join(seals),
    }
    more = "&".join(f"{name}={quote(text, safe=':')}" for name, text in ours.items())
    return f"{PATH}{quote(card)}{asked.query or '?'}{'&' if asked.query else ''}{more}"


@dataclass(frozen=True)
class Asked:
    """What a figure answers: all of it goes into each seal."""

    card: str
    query: str
    run: str
    viewer: Viewer


def sealed(
    asked: Asked, sentence: str, frame: pl.DataFrame, secret: bytes
) -> Mapping[str, str]:
    """The seal of each part of a figure: its sentence, then its columns by name."""
    about = f"{asked.card}\n{asked.query}\n{asked.run}\n{asked.viewer}\n"
    parts = {SENTENCE: sentence, **_columns(frame)}
    return {
        name: hmac.new(
            secret, f"{about}{name}\n{text}".encode(), hashlib.sha256
        ).hexdigest()[:8]
        for name, text in parts.items()
    }


def _columns(frame: pl.DataFrame) -> Mapping[str, str]:
    """Each column as text, the rows in an order of their own."""
    flat = export.flat(frame)
    floats = [name for name, kind in flat.schema.items() if kind.is_float()]
    texts = flat.with_columns(
        pl.col(name).round_sig_figs(_DIGITS) for name in floats
    ).cast(pl.String)
    rows = texts.select(sorted(texts.columns)).sort(pl.all(), nulls_last=True)
    return {
        name: "\n".join("\0" if text is None else text for text in rows[name])
        for name in rows.columns
    }


def counted_by(snapshot: queries.Snapshot, journal: Path) -> Counted:
    """By what the figures of a snapshot are counted and sealed today."""
    rules = hashlib.sha256(json.dumps(snapshot.rules, sort_keys=True).encode())
    named = hashlib.sha256(key(journal))
    return Counted(
        snapshot.meta["metrics"], rules.hexdigest()[:8], named.hexdigest()[:6]
    )


@lru_cache(maxsize=8)
def key(journal: Path) -> bytes:
    """The secret of a network's seals, made when it is first needed.

    It lies beside the journal, readable by this account alone and never in what a
    person may read, as the journal and its audit trail are.
    """
    return bytes.fromhex(secret_in(journal.with_name(KEY_FILE)))


def parse(text: str) -> Permalink:
    """A link taken apart; ConfigError for anything else, whoever's address it is."""
    address = urlsplit(text.strip())
    said = dict(parse_qsl(address.query))
    try:
        card = address.path.removeprefix(PATH)
        marts, rules, name = said[_COUNTED].split(".")
        run, seals = int(said[_RUN]), tuple(said[_SEALS].split("-"))
        viewer = str(Viewer.parse(said[_VIEWER]))
    except (KeyError, ValueError):
        raise ConfigError(_no_link(text)) from None
    if not address.path.startswith(PATH) or not card:
        raise ConfigError(_no_link(text))
    query = {name: value for name, value in said.items() if name not in _OURS}
    return Permalink(card, query, run, viewer, Counted(marts, rules, name), seals)


def _no_link(text: str) -> str:
    return (
        f"“{text[:80]}” is no link to a figure. Copy the whole address of “Link to "
        "this figure” under one, and put it in quotation marks."
    )
