"""Proposals: drafts that somebody stands for, with what the others say of them.

All of it is in the journal, which is append-only: a proposal is never edited, its next
version is a proposal of its own; a site that votes again is heard by its last vote.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import polars as pl

from dashboard import queries
from dashboard.analysis.versions import in_force
from dashboard.filters import Filters
from dashboard.journal import Entry
from dashboard.viewer import Viewer, current_request
from etl.contract.schemas import SCHEMAS
from etl.specification import criteria_from, requirements

LONGEST: Final = 500
VOTES: Final = {"yes": "Yes", "no": "No", "abstain": "Abstains"}
# Of fewer votes that are not seen by name it is said that they are there, not which.
FEWEST_VOTES: Final = 5
_CRITERION: Final = SCHEMAS["criterion"].create_empty().schema
_DATES: Final = [name for name, kind in _CRITERION.items() if kind == pl.Date]
_NEEDED: Final = {
    "name": "a name",
    "version": "a version, such as 1",
    "author": "who proposes it",
    "rationale": "why",
    "effective": "the day from which it is to hold, such as 2027-01-31",
}


@dataclass(frozen=True)
class Proposal:
    """One version of a proposal, as it was saved: criteria before and after, and why.

    `base` is the key of the specification it started from, `base_name` its words.
    """

    number: int
    name: str
    version: str
    author: str
    rationale: str
    effective: date
    product: str
    base: str
    base_name: str
    before: pl.DataFrame
    after: pl.DataFrame
    by: str
    at: datetime

    @property
    def title(self) -> str:
        """Its name with its version."""
        return f"{self.name}, version {self.version}"


@dataclass(frozen=True)
class Vote:
    """What a site says of a proposal, and why."""

    site: str
    vote: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Drafted:
    """What is to be proposed: the criteria of a draft, and what they started from."""

    product: str
    base: str
    base_name: str
    before: pl.DataFrame
    after: pl.DataFrame


class NotWrittenError(ValueError):
    """Why nothing was written, in a sentence that says what to do next."""


def proposing(viewer: Viewer) -> bool:
    """Whether this viewer may propose and comment: the lead and every site."""
    return viewer.role in ("lead", "site")


def propose(drafted: Drafted, given: Mapping[str, str | None]) -> int:
    """Save a draft under a name; the number of the proposal.

    NotWrittenError where the viewer may not, where one of name, version, author,
    rationale and effective day is missing, or where the version is taken.
    """
    request = current_request()
    if not proposing(request.viewer):
        raise NotWrittenError("Only the network's lead and its sites propose.")
    said = {key: (given.get(key) or "").strip()[:LONGEST] for key in _NEEDED}
    missing = [words for key, words in _NEEDED.items() if not said[key]]
    if missing:
        raise NotWrittenError(f"Still to be said: {'; '.join(missing)}.")
    try:
        effective = date.fromisoformat(said["effective"])
    except ValueError:
        raise NotWrittenError(
            f"“{said['effective']}” is no day. Write it like 2027-01-31."
        ) from None
    taken = {(each.name.lower(), each.version) for each in _all()}
    if (said["name"].lower(), said["version"]) in taken:
        raise NotWrittenError(
            f"There is a version {said['version']} of “{said['name']}” already, and"
            " nothing is overwritten: give the next version."
        )
    body = {
        **said,
        "effective": effective.isoformat(),
        "product": drafted.product,
        "base": drafted.base,
        "base_name": drafted.base_name,
        "before": _stored(drafted.before),
        "after": _stored(drafted.after),
    }
    return request.journal.write(
        str(request.viewer), "proposal", said["name"], body, said["rationale"]
    )


def proposals(viewer: Viewer) -> tuple[Proposal, ...]:
    """The proposals this viewer may read, oldest first.

    The lead and every site read all of them: to be read by them is what a proposal is
    for. What members ask is theirs, so an authority reads those that start from a
    specification it sees, and the public none.
    """
    if viewer.audience == "public":
        return ()
    every = _all()
    if proposing(viewer):
        return every
    seen = set(queries.criteria(viewer, Filters(), published=True)["site"])
    return tuple(each for each in every if each.base in seen)


def compared_with(
    viewer: Viewer, mine: Proposal, other: Proposal | None = None
) -> tuple[str, pl.DataFrame | None]:
    """What a proposal is laid beside, in words and as criteria, for this viewer.

    Another proposal, where one is given; else the specification it started from, where
    the viewer sees that; else the site's own today. What members ask is theirs, also
    when somebody's proposal starts from it.
    """
    if other is not None:
        return other.title, other.after
    if viewer.role == "lead":
        return mine.base_name, mine.before
    rows = queries.criteria(viewer, Filters(), published=True)
    if mine.base in set(rows.filter(pl.col("kind") == "published")["site"]):
        return mine.base_name, mine.before
    ours = rows.filter(pl.col("product") == mine.product, pl.col("kind") != "published")
    if mine.base in set(ours["site"]):
        return mine.base_name, mine.before
    own = in_force(ours.filter(pl.col("site") == (viewer.site or "")))
    return ("your own specification today", own) if own.height else ("", None)


def proposal(viewer: Viewer, number: str) -> Proposal | None:
    """The proposal of this number, where the viewer may read it."""
    found = [each for each in proposals(viewer) if str(each.number) == number]
    return found[0] if found else None


def vote(number: str, choice: str | None, reason: str | None) -> str:
    """Write the vote of the viewer's own site; the sentence that says what was done.

    NotWrittenError for who is no site, for an unknown vote and for a missing reason.
    """
    request = current_request()
    found, site = proposal(request.viewer, number), request.viewer.site
    if found is None or request.viewer.role != "site" or site is None:
        raise NotWrittenError("Each site votes for itself, and nobody for another.")
    why = (reason or "").strip()[:LONGEST]
    if choice not in VOTES:
        raise NotWrittenError("Choose yes, no or abstain.")
    if not why:
        raise NotWrittenError("Say why, in your own words; an abstention too.")
    body = {"site": site, "vote": choice, "proposal": found.title}
    request.journal.write(str(request.viewer), "vote", number, body, why)
    return f"Your vote is in the journal: {VOTES[choice].lower()}."


def comment(number: str, text: str | None) -> str:
    """Write a comment; the sentence that says what was done. Errors as for `vote`."""
    request = current_request()
    said = (text or "").strip()[:LONGEST]
    if not proposing(request.viewer) or proposal(request.viewer, number) is None:
        raise NotWrittenError("Only the network's lead and its sites comment.")
    if not said:
        raise NotWrittenError("There is nothing to write yet.")
    request.journal.write(
        str(request.viewer), "comment", number, {"text": said}, "comment"
    )
    return "Your comment is in the journal."


def votes(viewer: Viewer, number: str) -> tuple[list[Vote], str]:
    """The last vote of each site seen by name, and a sentence on the others."""
    entries = current_request().journal.read(kind="vote", subject=number)
    latest = {str(e.body["site"]): e for e in entries}
    named = set(queries.sites(viewer)["site"])
    mine = [
        Vote(site, str(e.body["vote"]), e.why, e.at)
        for site, e in sorted(latest.items())
        if site in named
    ]
    others = [str(e.body["vote"]) for site, e in latest.items() if site not in named]
    return mine, _said_of(others)


def comments(viewer: Viewer, number: str) -> list[Entry]:
    """The comments this viewer may read, oldest first: the lead's and its own.

    The lead reads all; what another site writes is for the lead.
    """
    readable = {"lead", str(viewer)}
    entries = current_request().journal.read(kind="comment", subject=number)
    return [e for e in entries if viewer.role == "lead" or e.who in readable]


def differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """One row a test of either: gate, test, its limits before and after in words.

    `changed` says whether they differ; a test that one of them lacks has null there.
    """
    one, other = _limits(before), _limits(after)
    rows = [
        (gate, test, one.get((gate, test)), other.get((gate, test)))
        for gate, test in dict.fromkeys((*one, *other))
    ]
    schema = dict.fromkeys(("gate", "test", "before", "after"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("before").ne_missing(pl.col("after")).alias("changed")
    )


def _limits(criteria: pl.DataFrame) -> dict[tuple[str, str], str]:
    said: dict[tuple[str, str], list[str]] = {}
    for arms in requirements(criteria_from(criteria)):
        test = arms[0].alternatives or arms[0].parameter
        words = " or ".join(item.in_words() for item in arms)
        said.setdefault((arms[0].gate, test), []).append(words)
    return {about: "; ".join(words) for about, words in said.items()}


def _said_of(others: Collection[str]) -> str:
    if not others:
        return ""
    if len(others) < FEWEST_VOTES:
        return f"{len(others)} more voted; of so few it is not said how."
    counts = [
        f"{list(others).count(key)} {word.lower()}" for key, word in VOTES.items()
    ]
    return f"{len(others)} more voted: {', '.join(counts)}."


def _all() -> tuple[Proposal, ...]:
    entries = current_request().journal.read(kind="proposal")
    return tuple(_proposal(entry) for entry in entries)


def _proposal(entry: Entry) -> Proposal:
    text = {key: str(value) for key, value in entry.body.items()}
    return Proposal(
        number=entry.id,
        name=text["name"],
        version=text["version"],
        author=text["author"],
        rationale=text["rationale"],
        effective=date.fromisoformat(text["effective"]),
        product=text["product"],
        base=text["base"],
        base_name=text["base_name"],
        before=_restored(entry.body["before"]),
        after=_restored(entry.body["after"]),
        by=entry.who,
        at=entry.at,
    )


def _stored(criteria: pl.DataFrame) -> list[dict[str, object]]:
    """The criteria without their days: a proposal has a day of its own."""
    kept = criteria.select([*_CRITERION]).drop(_DATES)
    rows: list[dict[str, object]] = kept.to_dicts()
    return rows


def _restored(rows: object) -> pl.DataFrame:
    found = rows if isinstance(rows, list) else []
    return pl.DataFrame(found, schema=_CRITERION)
