from collections.abc import Iterator

import pytest

from tests.connectors.fhir_made_up import LOINC, LOT, delete, keys, put, read, rows
from tests.connectors.servers.sekmet import sekmet

PATHWAY = "https://example.org/pathway"
BATCH_R4 = {
    "resourceType": "BiologicallyDerivedProduct",
    "id": "b1",
    "identifier": [
        {"system": "urn:example:din", "value": "W0000"},
        {"system": LOT, "value": "CT-001"},
        {"system": LOT, "value": "CT-001-B"},
    ],
    "extension": [{"url": PATHWAY, "valueCode": "trial"}],
    "productCategory": "cells",
    "collection": {
        "source": {"reference": "Patient/p1", "display": "Ana Ejemplo"},
        "collectedDateTime": "2026-11-02",
    },
    "processing": [{"description": "culture", "timePeriod": {"start": "2026-11-03"}}],
    "quantity": 60,
}
BATCH_R5 = {
    "resourceType": "BiologicallyDerivedProduct",
    "id": "b2",
    "identifier": [{"system": LOT, "value": "CT-002"}],
    "productCategory": {"coding": [{"system": "urn:example:kind", "code": "cells"}]},
    "productStatus": {"system": "urn:example:status", "code": "available"},
    "expirationDate": "2027-11-02",
    "property": [
        {"type": {"coding": [{"code": "dose"}]}, "valueQuantity": {"value": 1.5}}
    ],
}
PANEL = {
    "resourceType": "Observation",
    "id": "panel",
    "status": "final",
    "code": {"text": "release tests"},
    "subject": {"reference": "Patient/p1", "display": "Ana Ejemplo"},
    "performer": [
        {"reference": "Practitioner/d1", "display": "Dr Who"},
        {"reference": "Organization/lab", "display": "QC laboratory"},
    ],
    "component": [
        {
            "code": {"coding": [{"system": LOINC, "code": "26454-9"}]},
            "valueQuantity": {"value": 92.5, "unit": "%"},
        },
        {
            "code": {"coding": [{"system": LOINC, "code": "630-4"}]},
            "valueString": "no growth",
        },
    ],
}
SINGLE = {
    "resourceType": "Observation",
    "id": "single",
    "status": "final",
    "code": {"text": "endotoxin"},
    "valueQuantity": {"value": 0.3, "comparator": "<"},
}
REPORT = {
    "resourceType": "DiagnosticReport",
    "id": "d1",
    "status": "final",
    "code": {"text": "release"},
    "issued": "2026-11-20T09:00:00+01:00",
    "result": [{"reference": "Observation/panel"}],
    "conclusionCode": [{"coding": [{"system": "urn:example:gate", "code": "ok"}]}],
}
PLAN = {
    "resourceType": "PlanDefinition",
    "id": "spec",
    "status": "active",
    "version": "3",
    "goal": [
        {
            "description": {"text": "viable"},
            "target": [
                {
                    "measure": {"coding": [{"system": LOINC, "code": "26454-9"}]},
                    "detailRange": {"low": {"value": 70.5, "unit": "%"}},
                },
                {
                    "measure": {"coding": [{"system": LOINC, "code": "26455-6"}]},
                    "detailQuantity": {"value": 2.5, "comparator": "<="},
                },
            ],
        },
        {"description": {"text": "sterile"}},
    ],
}
LIMITS = {
    "resourceType": "ObservationDefinition",
    "id": "limits",
    "code": {"coding": [{"system": LOINC, "code": "26454-9"}]},
    "qualifiedInterval": [
        {"category": "reference", "range": {"low": {"value": 70.5}}},
        {"category": "critical", "range": {"high": {"value": 99.5}}},
    ],
}
SCHEDULE = {
    "resourceType": "Schedule",
    "id": "room",
    "actor": [{"reference": "Location/room-1"}],
}
NAMES = {
    "Patient": {"resourceType": "Patient", "id": "p1", "name": [{"family": "Ejemplo"}]},
}


def slot(number: int, start: str, status: str, schedule: str = "room") -> dict:
    return {
        "resourceType": "Slot",
        "id": f"s{number}",
        "schedule": {"reference": f"Schedule/{schedule}"},
        "status": status,
        "start": start,
        "end": start,
    }


SLOTS = [
    slot(1, "2026-11-16T08:00:00+01:00", "free"),
    slot(2, "2026-11-18T08:00:00+01:00", "busy"),
    slot(3, "2026-11-22T23:30:00+01:00", "busy-unavailable"),
    slot(4, "2026-11-22T23:30:00Z", "busy"),  # already Monday in Madrid
    slot(5, "2026-11-16T08:00:00+01:00", "entered-in-error"),
    slot(6, "2026-11-17T08:00:00+01:00", "busy-tentative", "isolator"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sekmet(tmp_path_factory.mktemp("sekmet")) as address:
        there = [BATCH_R4, BATCH_R5, PANEL, SINGLE, REPORT, PLAN, LIMITS, SCHEDULE]
        put(address, [*there, *SLOTS, *NAMES.values()])
        yield address


def of(base: str, location: str, *columns: str, **reading: object) -> list[tuple]:
    pages, error = read(base, location, columns=columns, **reading)
    assert error is None
    return sorted((values for _, values in rows(pages, columns)), key=str)


def test_batches_of_r4_and_r5(base: str) -> None:
    assert of(
        base,
        "BiologicallyDerivedProduct",
        "reference",
        f"identifier[{LOT}].value",
        f"identifier[{LOT}, 2].value",
        f"extension[{PATHWAY}].valueCode",
        "collection.collectedDateTime",
        "processing[0].timePeriod.start",
        "productStatus.code",
        "property[0].valueQuantity.value",
    ) == [
        (
            "BiologicallyDerivedProduct/b1",
            "CT-001",
            "CT-001-B",
            "trial",
            "2026-11-02",
            "2026-11-03",
            None,
            None,
        ),
        (
            "BiologicallyDerivedProduct/b2",
            "CT-002",
            None,
            None,
            None,
            None,
            "available",
            "1.5",
        ),
    ]


def test_a_person_is_nowhere(base: str) -> None:
    for location in ("BiologicallyDerivedProduct", "Observation"):
        pages, _ = read(base, location)
        for page in pages:
            text = f"{page.frame.columns} {page.frame.rows()}"
            assert "Patient" not in text
            assert "Ejemplo" not in text
            assert "Dr Who" not in text
    assert of(base, "Observation?_id=panel", "performer[1].display") == [
        ("QC laboratory",)
    ]


def test_each_component_becomes_a_row(base: str) -> None:
    found = of(
        base,
        "Observation",
        "id",
        f"component.code.coding[{LOINC}].code",
        "component.valueQuantity.value",
        "component.valueString",
        "valueQuantity.comparator",
        rows="component",
    )
    assert found == [
        ("panel", "26454-9", "92.5", None, None),
        ("panel", "630-4", None, "no growth", None),
        ("single", None, None, None, "<"),
    ]


def test_every_row_of_a_resource_has_its_ref(base: str) -> None:
    pages, _ = read(base, "Observation?_id=panel", rows="component")
    assert [ref for page in pages for ref in page.refs] == [
        "record Observation/panel",
        "record Observation/panel",
    ]


def test_targets_of_goals_become_rows(base: str) -> None:
    found = of(
        base,
        "PlanDefinition",
        "version",
        "goal.description.text",
        f"goal.target.measure.coding[{LOINC}].code",
        "goal.target.detailRange.low.value",
        "goal.target.detailQuantity.value",
        "goal.target.detailQuantity.comparator",
        rows="goal.target",
    )
    assert found == [
        ("3", "sterile", None, None, None, None),
        ("3", "viable", "26454-9", "70.5", None, None),
        ("3", "viable", "26455-6", None, "2.5", "<="),
    ]


def test_intervals_become_rows(base: str) -> None:
    found = of(
        base,
        "ObservationDefinition",
        "qualifiedInterval.category",
        "qualifiedInterval.range.low.value",
        "qualifiedInterval.range.high.value",
        rows="qualifiedInterval",
    )
    assert found == [("critical", None, "99.5"), ("reference", "70.5", None)]


def test_reports_and_schedules(base: str) -> None:
    assert of(
        base,
        "DiagnosticReport",
        "issued",
        "result[0].reference",
        "conclusionCode[0].coding[urn:example:gate].code",
    ) == [("2026-11-20T09:00:00+01:00", "Observation/panel", "ok")]
    assert of(base, "Schedule", "reference", "actor[0].reference") == [
        ("Schedule/room", "Location/room-1")
    ]


def test_slots_are_read_one_by_one_or_counted_by_week(base: str) -> None:
    statuses = of(base, "Slot?status=busy", "id", "status")
    assert statuses == [("s2", "busy"), ("s4", "busy")]
    columns = ("schedule.reference", "week", "slots", "available", "free", "busy")
    pages, error = read(base, "Slot", columns=columns, weeks="Europe/Madrid")
    assert error is None
    assert rows(pages, columns) == [
        (
            "record Schedule/isolator week 2026-11-16",
            ("Schedule/isolator", "2026-11-16", "1", "1", "0", "0"),
        ),
        (
            "record Schedule/room week 2026-11-16",
            ("Schedule/room", "2026-11-16", "3", "2", "1", "1"),
        ),
        (
            "record Schedule/room week 2026-11-23",
            ("Schedule/room", "2026-11-23", "1", "1", "0", "1"),
        ),
    ]
    assert [page.watermark for page in pages] == [None]
    assert keys(base, "Slot", weeks="Europe/Madrid") == [*pages[0].refs]


def test_a_resource_made_again_is_not_gone(base: str) -> None:
    pages, _ = read(base, "Schedule")
    put(base, [{**SCHEDULE, "id": name} for name in ("again", "lost")])
    delete(base, ["Schedule/again", "Schedule/lost"])
    put(base, [{**SCHEDULE, "id": "again"}])
    pages, _ = read(base, "Schedule", pages[-1].watermark, page_size=1)
    assert [ref for page in pages for ref in page.gone] == ["record Schedule/lost"]
    assert "record Schedule/again" in [ref for page in pages for ref in page.refs]


def test_a_parameter_that_the_server_does_not_know_is_said(base: str) -> None:
    _, error = read(base, "BiologicallyDerivedProduct?identifier=CT-001")
    assert "Unknown search parameter 'identifier'" in str(error)
    assert "check `read`" in str(error)


def test_a_type_that_the_server_does_not_know_is_said(base: str) -> None:
    _, error = read(base, "Batch")
    assert "answered 404 and says: Unknown resource type 'Batch'" in str(error)
    assert "check `url` and the dataset's `from`" in str(error)


def test_a_column_that_no_resource_has_is_said(base: str) -> None:
    wrong = f"identifier[{LOT}s].value"
    _, error = read(base, "BiologicallyDerivedProduct", columns=("id", wrong))
    told = f"'{wrong}' (did you mean 'identifier[{LOT}].value'?)"
    assert f"no resource has {told}. Mend the mapping" in str(error)
    reading = {"columns": ("id", wrong), "fields": [wrong]}
    pages, error = read(base, "BiologicallyDerivedProduct", **reading)
    assert error is None
    assert pages[0].frame[wrong].null_count() == 2


def test_a_search_that_finds_nothing_is_said(base: str) -> None:
    _, error = read(base, "Slot?status=free&schedule=Schedule/none")
    assert "finds nothing at all; check the rights of the client" in str(error)
    pages, error = read(base, "Task", may_be_empty=True, columns=("status",))
    assert error is None
    assert pages[0].frame.columns == ["reference", "status"]
    assert pages[0].watermark is not None
