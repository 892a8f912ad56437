"""FHIR resources as rows of text: one rule for every type of resource.

* an element inside another one: a dot, `valueQuantity.value`
* in a list, by what names it: an identifier, coding or contact by its system,
  `code.coding[http://loinc.org].code`; an extension by its address,
  `extension[https://example.org/pathway].valueCode`; a second one of that name
  gets `, 2`: `identifier[urn:lot, 2].value`
* in a list, anything else: by its place from 0, `performer[0].display`
* `reference`: how others point to the resource, `Observation/123`

References to persons are left out with all they hold, names and numbers included:
nothing in the contract asks for them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from connectors._text import scalar_text

Resource = Mapping[str, object]

PERSONS = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner"})
_A_PERSON = re.compile(rf"(^|/)({'|'.join(PERSONS)})/")


def rows_of(resource: Resource, path: Sequence[str]) -> Iterator[Resource]:
    """The resource once for each element of the list at `path`, the rest repeated.

    In each, the element stands in its list's place, so that `component` in the path
    gives a column `component.valueQuantity.value` without a number. A resource
    that has no such list is one row without it.
    """
    elements = resource.get(path[0]) if path else None
    if not elements:
        yield resource
        return
    for element in elements if isinstance(elements, list) else [elements]:
        inner = rows_of(element, path[1:]) if isinstance(element, dict) else [element]
        for each in inner:
            yield {**resource, path[0]: each}


def columns_of(resource: Resource, base: str) -> dict[str, str | None]:
    """A resource's values by column; references below `base` lose it.

    Servers write the same reference relative or in full, with its version or without.
    """
    found: dict[str, str | None] = {"reference": reference_of(resource)}
    for place, value in _leaves("", resource):
        text = scalar_text(value)
        if text and place.endswith(".reference"):
            text = text.removeprefix(f"{base}/").split("/_history/")[0]
        found[place] = text
    return found


def reference_of(resource: Resource) -> str:
    """How others point to the resource: its type and its id."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _leaves(place: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, inner in value.items() if not _is_person(value) else ():
            yield from _leaves(f"{place}.{name}" if place else name, inner)
    elif isinstance(value, list):
        by_url = place.lower().endswith("extension")
        for label, inner in _labelled(value, "url" if by_url else "system"):
            yield from _leaves(f"{place}[{label}]", inner)
    else:
        yield place, value


def _is_person(element: Resource) -> bool:
    reference = element.get("reference")
    pointed = isinstance(reference, str) and _A_PERSON.search(reference)
    named = (element.get("type"), element.get("resourceType"))
    return bool(pointed) or any(isinstance(n, str) and n in PERSONS for n in named)


def _labelled(elements: Sequence[object], key: str) -> Iterator[tuple[str, object]]:
    counted: Counter[str] = Counter()
    for at, element in enumerate(elements):
        label = element.get(key) if isinstance(element, Mapping) else None
        if not isinstance(label, str):
            yield str(at), element
            continue
        counted[label] += 1
        yield label + (f", {counted[label]}" if counted[label] > 1 else ""), element
