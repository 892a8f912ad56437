from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connectors import open_source
from etl.collect import Window
from etl.mapping import map_page
from etl.network import Network, load_network
from etl.new_network import write_network
from etl.run import pull
from tests.connectors.fhir_made_up import put
from tests.connectors.servers.sekmet import sekmet
from tests.readme import blocks

pytestmark = pytest.mark.usefixtures("short_library")

HERE = "https://hospital-est.example"
LOINC = "http://loinc.org"
WRITTEN = "https://fhir.hospital-est.example"
KEY = ec.generate_private_key(ec.SECP384R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


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
    folder = tmp_path_factory.mktemp("sekmet")
    with sekmet(folder) as address:
        put(address, RESOURCES)
    public = KEY.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "pocnet.pem").write_bytes(public)
    client = {
        "client_id": "pocnet",
        "public_key_path": str(folder / "pocnet.pem"),
        "scopes": "system/*.read",
    }
    settings = {
        "server_auth": {"types": ["smart"], "smart_clients": [client]},
        "server_behaviour": {"absolute_references": True},
    }
    with sekmet(folder, **settings) as address:
        yield address


@pytest.fixture(scope="module")
def network(base: str, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network of the README's site alone, at an address that can be had."""
    folder = tmp_path_factory.mktemp("network")
    write_network(folder, "A network")
    (block,) = blocks("How to connect a FHIR server")
    for site in (folder / "sites").iterdir():
        site.unlink()
    told = block.text.replace(WRITTEN, base.removesuffix("/fhir"))
    assert told.count(base.removesuffix("/fhir")) == 2
    (folder / "sites" / "hospital-est.toml").write_text(told)
    secrets = {"POCNET_FHIR_KEY": PEM, "POCNET_KEY_HOSPITAL_EST": "k" * 40}
    return load_network(folder, secrets)


@pytest.mark.parametrize("dataset", EXPECTED)
def test_the_readmes_site_is_read_and_mapped(network: Network, dataset: str) -> None:
    site = network.sites["hospital-est"]
    [rules] = [one for one in site.datasets if one.name == dataset]
    pages = open_source(site.sources["fhir"])(rules.extract, None)
    mapped = [map_page(page, rules, site.slug).frame for page in pages]
    expected = EXPECTED[dataset]
    found = pl.concat(mapped).select(list(expected[0])).to_dicts()
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_the_readmes_site_arrives_whole(network: Network) -> None:
    result = pull(network, (), Window())
    counts = {one.dataset: (one.read, one.good) for one in result.datasets}
    assert counts == {name: (len(rows),) * 2 for name, rows in EXPECTED.items()}
    assert result.failures == ()
