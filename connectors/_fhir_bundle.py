"""A FHIR server's answer, read with distrust: a Bundle, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors._fhir_columns import Resource


class NoBundleError(Exception):
    """The answer was no list of resources; the text says what it was."""


@dataclass(frozen=True)
class Bundle:
    """The entries of one answer and what it says about the others.

    `total` is null where it is not told, `links` are addresses by relation.
    """

    entries: tuple[Resource, ...]
    links: Mapping[str, str]
    total: int | None

    def matches(self, kind: str) -> list[Resource]:
        """The resources of the type asked for, without what came along with them."""
        found = (entry.get("resource") for entry in self.entries)
        return [
            resource
            for resource in found
            if isinstance(resource, Mapping) and resource.get("resourceType") == kind
        ]


def bundle(answer: object) -> Bundle:
    """The answer as a Bundle.

    Raises NoBundleError for an OperationOutcome, also for one inside: some servers send
    their errors among the results, and `200 OK`.
    """
    if not isinstance(answer, Mapping) or "resourceType" not in answer:
        raise NoBundleError("answered with something that is not FHIR; check `url`")
    if answer["resourceType"] == "OperationOutcome":
        raise NoBundleError(f"says: {_said(answer)}")
    if answer["resourceType"] != "Bundle":
        raise NoBundleError(
            f"answered with a {answer['resourceType']}, not with a Bundle"
        )
    entries = tuple(_mappings(answer.get("entry")))
    for resource in _mappings([entry.get("resource") for entry in entries]):
        if resource.get("resourceType") == "OperationOutcome" and _fails(resource):
            raise NoBundleError(f"says: {_said(resource)}")
    links = {
        str(link.get("relation")): str(link.get("url"))
        for link in _mappings(answer.get("link"))
    }
    total = str(answer.get("total", ""))
    return Bundle(entries, links, int(total) if total.isdecimal() else None)


def _mappings(values: object) -> Iterator[Resource]:
    for value in values if isinstance(values, list) else ():
        if isinstance(value, Mapping):
            yield value


def _fails(outcome: Resource) -> bool:
    levels = {issue.get("severity") for issue in _mappings(outcome.get("issue"))}
    return bool(levels & {"error", "fatal"})


def _said(outcome: Resource) -> str:
    for issue in _mappings(outcome.get("issue")):
        details = issue.get("details")
        text = details.get("text") if isinstance(details, Mapping) else None
        if words := issue.get("diagnostics") or text or issue.get("code"):
            return str(words)[:200]
    return "an error without words"
