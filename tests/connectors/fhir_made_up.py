"""Resources of a made-up cell factory, and the rows they must become."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from connectors import Extract, Page, Source, SourceError, open_keys, open_source

Resource = dict[str, Any]
Row = tuple[str | None, ...]

LOT = "urn:example:lot"
LOINC = "http://loinc.org"
COLUMNS = (
    "id",
    f"identifier[{LOT}].value",
    f"code.coding[{LOINC}].code",
    "valueQuantity.comparator",
    "valueQuantity.value",
    "valueQuantity.unit",
    "focus[0].reference",
)


def observation(number: int, value: float | None = None) -> Resource:
    """A result of a lot; every seventh is censored, every tenth has two codes."""
    # Never a whole number: JavaScript writes 5.0 as 5, and may.
    quantity = {"value": value or number / 8 + 1 / 16, "unit": "%"}
    if number % 7 == 0:
        quantity["comparator"] = "<"
    codings = [{"system": LOINC, "code": f"89{number % 13}-1"}]
    if number % 10 == 0:
        codings.insert(0, {"system": "urn:example:tests", "code": "VIAB"})
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "identifier": [{"system": LOT, "value": f"L-{number // 5}"}],
        "status": "final",
        "code": {"coding": codings},
        "focus": [{"reference": f"BiologicallyDerivedProduct/b{number // 5}"}],
        "valueQuantity": quantity,
    }


def row(resource: Resource) -> Row:
    """What must be read of a result, in the order of COLUMNS."""
    quantity = resource["valueQuantity"]
    return (
        resource["id"],
        resource["identifier"][0]["value"],
        resource["code"]["coding"][-1]["code"],
        quantity.get("comparator"),
        str(quantity["value"]),
        quantity["unit"],
        resource["focus"][0]["reference"],
    )


def put(base: str, resources: Sequence[Resource]) -> None:
    """Store resources under their own ids."""
    for start in range(0, len(resources), 500):
        entries = [
            {"request": {"method": "PUT", "url": reference(one)}, "resource": one}
            for one in resources[start : start + 500]
        ]
        _post(base, entries)


def delete(base: str, references: Iterable[str]) -> None:
    _post(base, [{"request": {"method": "DELETE", "url": one}} for one in references])


def _post(base: str, entries: list[Mapping[str, Any]]) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    httpx.post(base, json=bundle, timeout=60).raise_for_status()


def reference(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def read(
    base: str, location: str, since: str | None = None, **more: Any
) -> tuple[list[Page], SourceError | None]:
    """The pages that could be read, and what ended the reading early.

    `columns` are those of the mapping, `options` go beside the address; the rest is
    how it is read.
    """
    columns, options = more.pop("columns", ()), more.pop("options", {})
    source = Source("alpha", "main", "fhir", {"url": base, **options})
    pages: list[Page] = []
    try:
        extract = Extract("result", location, more, columns)
        for page in open_source(source)(extract, since):
            pages.append(page)
    except SourceError as error:
        return pages, error
    return pages, None


def keys(base: str, location: str, **more: Any) -> list[str]:
    """The refs of all there is."""
    listed = open_keys(Source("alpha", "main", "fhir", {"url": base}))
    assert listed
    return [ref for refs in listed(Extract("result", location, more)) for ref in refs]


def rows(pages: Sequence[Page], columns: Sequence[str]) -> list[tuple[str, Row]]:
    """Every row of the pages with its ref, in the order it came."""
    return [
        (ref, values)
        for page in pages
        for ref, values in zip(
            page.refs, page.frame.select(columns).rows(), strict=True
        )
    ]
