import json
import tomllib
from copy import deepcopy
from datetime import date

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from connectors import kinds
from etl.contract.schemas import SENT
from etl.new_network import write_network
from etl.settings_schema import network_schema, site_schema


def as_json(value):
    return json.loads(json.dumps(value, default=date.isoformat))


@pytest.fixture
def written(tmp_path):
    paths = write_network(tmp_path, "A network")
    return [as_json(tomllib.loads(path.read_text(encoding="utf-8"))) for path in paths]


def validator(schema) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def test_the_files_of_a_new_network_fit_their_schemas(written):
    network, site = written
    assert list(validator(network_schema()).iter_errors(network)) == []
    assert list(validator(site_schema()).iter_errors(site)) == []


def test_a_site_with_an_api_and_secrets_fits(written):
    site = written[1]
    site["source"]["registry"] = {
        "kind": "redcap",
        "url": "https://redcap.example.org/api/",
        "token": {"env": "TOKEN"},
    }
    site["dataset"][0]["read"] = {"fields": ["lot", "started"]}
    assert list(validator(site_schema()).iter_errors(site)) == []


@pytest.mark.parametrize(
    "place",
    [
        (("network", "nmae"), "x"),
        (("network", "today"), "tomorrow"),
        (("product", 0, "product_class"), "cart"),
        (("product", 0, "product"), "CAR T"),
        (("disclosure", "public", "threshold"), "5"),
        (("reporting", "completeness"), 80),
    ],
)
def test_a_network_file_with_a_mistake_does_not_fit(written, place):
    assert_refused(network_schema(), written[0], *place)


@pytest.mark.parametrize(
    "place",
    [
        (("site", "kind"), "factory"),
        (("source", "main", "kind"), "fils"),
        (("source", "main", "foldr"), "x"),
        (("privacy", "key"), "a plain secret"),
        (("style", "dates"), "d/m/y"),
        (("dataset", 0, "name"), "batches"),
        (("dataset", 0, "read", "delimeter"), ";"),
        (("dataset", 0, "columns", "bach"), "Lote"),
        (("dataset", 0, "columns", "batch"), {"colum": "Lote"}),
        (("dataset", 1, "each", 0, "columns", "valeu"), "x"),
        (("dataset", 1, "each", 0, "wenn"), "x"),
    ],
)
def test_a_site_file_with_a_mistake_does_not_fit(written, place):
    assert_refused(site_schema(), written[1], *place)


def assert_refused(schema, document, path, value):
    wrong = deepcopy(document)
    table = wrong
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value
    assert list(validator(schema).iter_errors(document)) == []
    assert list(validator(schema).iter_errors(wrong)) != []


def test_a_token_in_plain_text_does_not_fit(written):
    site = written[1]
    token = {"kind": "redcap", "url": "https://x.org/", "token": "0123456789abcdef"}
    assert_refused(site_schema(), site, ("source", "main"), token)


def test_every_kind_of_source_and_every_dataset_can_be_completed():
    schema = site_schema()
    sources = schema["properties"]["source"]["additionalProperties"]["anyOf"]
    named = [source["properties"]["kind"]["const"] for source in sources]
    assert tuple(named) == kinds()
    entry = schema["$defs"]["DatasetRules"]
    assert set(SENT) <= set(entry["properties"]["name"]["enum"])


def test_every_key_but_the_tables_explains_itself():
    silent = [
        f"{name}.{key}"
        for schema in (network_schema(), site_schema())
        for name, table in schema["$defs"].items()
        if "-" not in name
        for key, written in table.get("properties", {}).items()
        if "description" not in written
    ]
    assert silent == []
