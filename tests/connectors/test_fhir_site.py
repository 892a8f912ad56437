import tomllib
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from connectors import Source, open_source
from etl.mapping import map_page
from etl.settings import DatasetRules, SiteFile
from tests.connectors.fhir_made_up import put
from tests.connectors.servers.sekmet import sekmet
from tests.readme import blocks

HERE = "https://hospital-est.example"
LOINC = "http://loinc.org"


def coding(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def slot(number: int, status: str) -> dict[str, Any]:
    return {
        "resourceType": "Slot",
        "id": f"s{number}",
        "schedule": {"reference": "Schedule/room-1"},
        "status": status,
        "start": f"2026-11-1{number}T08:00:00+01:00",
    }


RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "BiologicallyDerivedProduct",
        "id": "b1",
        "extension": [{"url": f"{HERE}/pathway", "valueCode": "EH"}],
        "collection": {"collectedDateTime": "2026-11-02"},
        "processing": [{"timePeriod": {"start": "2026-11-03"}}],
    },
    {
        "resourceType": "Observation",
        "id": "o1",
        "category": [coding("urn:category", "laboratory")],
        "focus": [{"reference": "BiologicallyDerivedProduct/b1/_history/1"}],
        "effectiveDateTime": "2026-11-12",
        "component": [
            {
                "code": coding(LOINC, "26454-9"),
                "valueQuantity": {"value": 92.5, "unit": "%"},
            },
            {
                "code": coding(LOINC, "88881-8"),
                "valueQuantity": {"value": 0.3, "comparator": "<", "unit": "EU/mL"},
            },
        ],
    },
    {
        "resourceType": "PlanDefinition",
        "id": "p1",
        "status": "active",
        "version": "3",
        "goal": [
            {
                "target": [
                    {
                        "measure": coding(LOINC, "26454-9"),
                        "detailRange": {"low": {"value": 70.5, "unit": "%"}},
                    },
                    {
                        "measure": coding(LOINC, "88881-8"),
                        "detailRange": {"high": {"value": 2.5, "unit": "EU/mL"}},
                    },
                ]
            }
        ],
    },
    {
        "resourceType": "DiagnosticReport",
        "id": "d1",
        "code": coding("urn:report", "release"),
        "extension": [
            {
                "url": f"{HERE}/batch",
                "valueReference": {"reference": "BiologicallyDerivedProduct/b1"},
            }
        ],
        "effectiveDateTime": "2026-11-14",
        "conclusionCode": [coding(f"{HERE}/decision", "OK")],
    },
    slot(6, "free"),
    slot(7, "busy"),
    slot(8, "busy-unavailable"),
]
BATCH = "BiologicallyDerivedProduct/b1"
EXPECTED: dict[str, list[dict[str, str | None]]] = {
    "batch": [
        {
            "batch": BATCH,
            "product": "car-t-cd19",
            "pathway": "hospital_exemption",
            "collected": "2026-11-02",
            "started": "2026-11-03",
        }
    ],
    "result": [
        {
            "batch": BATCH,
            "sampled": "2026-11-12",
            "parameter": parameter,
            "unit": unit,
            "comparator": comparator,
            "value": value,
        }
        for parameter, unit, comparator, value in (
            ("viability", "%", None, "92.5"),
            ("endotoxin", "EU/mL", "<", "0.3"),
        )
    ],
    "criterion": [
        {
            "spec_version": "3",
            "parameter": parameter,
            "operator": operator,
            "limit_low": low,
            "limit_high": high,
            "unit": unit,
        }
        for parameter, operator, low, high, unit in (
            ("viability", ">=", "70.5", None, "%"),
            ("endotoxin", "<=", None, "2.5", "EU/mL"),
        )
    ],
    "release": [
        {
            "batch": BATCH,
            "gate": "final",
            "decision": "released",
            "decided": "2026-11-14",
        }
    ],
    "capacity": [
        {
            "resource": "clean_room",
            "week": "2026-11-16",
            "theoretical": "3",
            "staffed": "2",
            "booked": "1",
        }
    ],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sekmet(tmp_path_factory.mktemp("sekmet")) as address:
        put(address, RESOURCES)
        yield address


def readme_site() -> SiteFile:
    (block,) = blocks("How to connect a FHIR server")
    return SiteFile.model_validate(tomllib.loads(block.text))


def mapped(base: str, rules: DatasetRules) -> pl.DataFrame:
    source = Source("hospital-est", "fhir", "fhir", {"url": base})
    pages = open_source(source)(rules.extract, None)
    return pl.concat(map_page(page, rules, "hospital-est").frame for page in pages)


@pytest.mark.parametrize("dataset", EXPECTED)
def test_the_readmes_site_is_read_and_mapped(base: str, dataset: str) -> None:
    [rules] = [one for one in readme_site().dataset if one.name == dataset]
    frame = mapped(base, rules)
    expected = EXPECTED[dataset]
    found = frame.select(list(expected[0])).to_dicts()
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_the_readmes_site_has_no_dataset_beside_these() -> None:
    assert {one.name for one in readme_site().dataset} == set(EXPECTED)
