"""What must never be found in a harvest: each raises `LeakError` if it is.

They are functions of answers and facts alone, so that a planted leak can be put to the
very same attack that the dashboard has to withstand.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tests.attacks.harvester import Answer

PSEUDONYM = re.compile(r"\bk\d+-[0-9a-f]{16}\b")
COUNTS = {"n", "events", "count", "started", "used", "waiting", "lost", "oldest",
          "ended"}  # fmt: skip
_SEALS = re.compile(r"seals=[0-9a-f-]+")
# What differs between two answers to the very same question.
_EACH_TIME = ("date", "content-length")


class LeakError(AssertionError):
    """Something came out that its reader may not have."""


def names_nobody(answers: Iterable[Answer], sites: Mapping[str, str]) -> None:
    """A leak if one of `sites` (slug and name) stands anywhere in the answers.

    What the reader wrote into the question may be said back.
    """
    slugs = re.compile(rf"\b({'|'.join(map(re.escape, sites))})\b")
    names = [name for name in sites.values() if name]
    for answer in answers:
        text = answer.text
        told = {slug for slug in slugs.findall(text) if slug not in answer.said}
        told |= {name for name in names if name in text}
        if told:
            raise LeakError(f"{answer.method} {answer.address} names {sorted(told)}")


def lists_nobodys_batches(answers: Iterable[Answer], own: Collection[str]) -> None:
    """A leak if the pseudonym of a batch that is not one's own stands there."""
    for answer in answers:
        told = {*PSEUDONYM.findall(answer.text)} - {*own}
        told = {name for name in told if name not in answer.said}
        if told:
            raise LeakError(f"{answer.address} lists {len(told)} batches of others")


def hides_what_it_says(answers: Iterable[Answer]) -> int:
    """How many rows are held back; a leak if one has its count all the same."""
    hidden = 0
    for answer in answers:
        rows = _rows(answer)
        for row in rows:
            if row.get("state") == "suppressed":
                hidden += 1
                told = {c: row[c] for c in COUNTS & row.keys() if row[c] is not None}
                if told or not row["reason"]:
                    raise LeakError(f"{answer.address}: held back, and told {told}")
    return hidden


def _rows(answer: Answer) -> list[dict[str, Any]]:
    if "/cards/" not in answer.address or answer.content[:1] != b"{":
        return []
    rows: list[dict[str, Any]] = json.loads(answer.content).get("rows", [])
    return rows


def alike(one: Answer, other: Answer, said: Mapping[str, str]) -> None:
    """A leak unless both answers are the same to the byte, headers too.

    `said` are the words in which the questions differ, with what both become. The seals
    of a link are over its question, and so of two questions never the same.
    """
    for first, second in zip(_plain(one, said), _plain(other, said), strict=True):
        if first != second:
            at = next(
                (
                    i
                    for i, (a, b) in enumerate(zip(first, second, strict=False))
                    if a != b
                ),
                min(len(first), len(second)),
            )
            near = slice(max(0, at - 80), at + 80)
            raise LeakError(
                f"{one.said} is told from {other.said}: {first[near]} / {second[near]}"
            )


def _plain(answer: Answer, said: Mapping[str, str]) -> tuple[str, str, str]:
    text = answer.content.decode(errors="replace")
    for words, same in said.items():
        text = text.replace(words, same)
    kept = [f"{n}: {v}" for n, v in answer.headers.items() if n not in _EACH_TIME]
    return str(answer.status), "\n".join(kept), _SEALS.sub("seals", text)


def runs_nothing(cells: Iterable[str]) -> None:
    """A leak if a spreadsheet would take one of the cells for a formula."""
    for cell in cells:
        number = re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", cell)
        if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not number:
            raise LeakError(f"a spreadsheet would run {cell!r}")


def is_not_kept(answers: Iterable[Answer]) -> None:
    """A leak if a cache may keep an answer for others, or a header is missing."""
    for answer in answers:
        if answer.address.startswith(("/assets/", "/_dash-component-suites/")):
            continue
        if answer.headers.get("cache-control") != "no-store":
            raise LeakError(f"{answer.address} may be kept by a cache")
        if "default-src 'none'" not in answer.headers.get(
            "content-security-policy", ""
        ):
            raise LeakError(f"{answer.address} has no policy")


def says_no_place(answers: Iterable[Answer], *places: str) -> None:
    """A leak if an answer tells of the machine: a folder, a file or a trace."""
    for answer in answers:
        for place in (*places, "Traceback", "site-packages", "duckdb"):
            if place in answer.text:
                raise LeakError(f"{answer.address} tells {place}")
