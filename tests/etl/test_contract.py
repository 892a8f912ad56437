import csv
from pathlib import Path

import polars as pl
import pytest

from etl import contract
from etl.contract.parameters import meaning, meaning_expr, parameter, parameters
from etl.contract.row_rules import row_rules
from etl.contract.schemas import DATASETS, KEYS, SCHEMAS, SENT
from etl.contract.units import unit_expr, units
from etl.contract.vocabulary import POPULATIONS, VOCABULARIES
from etl.contract.words import plain, plain_expr, slug_expr

LANGUAGES = {"en", "es", "fr", "de", "sv", "it"}


def said(expr, **columns):
    return pl.DataFrame(columns).select(expr).to_series().to_list()


@pytest.mark.parametrize("dataset", DATASETS)
def test_no_part_of_a_key_may_be_null(dataset):
    columns = SCHEMAS[dataset].columns()
    assert KEYS[dataset]
    assert not any(columns[name].nullable for name in KEYS[dataset])


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_column_says_how_it_is_read(dataset):
    for column in SCHEMAS[dataset].columns().values():
        meta = column.metadata
        assert meta is not None and "kind" in meta
        if meta["kind"] == "word":
            assert meta["vocabulary"] in VOCABULARIES


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_row_rule_looks_at_columns_of_its_dataset_and_says_what_it_expects(
    dataset,
):
    for rule in row_rules(SCHEMAS[dataset]):
        assert set(rule.columns) <= set(SCHEMAS[dataset].column_names())
        assert rule.expected and rule.expected != rule.name


def test_the_first_column_of_a_row_rule_is_the_one_that_is_wrong():
    rules = {rule.name: rule for rule in row_rules(SCHEMAS["batch"])}
    assert rules["harvested_before_started"].columns == ("harvested", "started")


def test_sites_send_neither_what_their_settings_say_nor_what_the_hub_writes():
    made = {"site", "product", "cohort", "stratum", "report"}
    assert set(DATASETS) - set(SENT) == made


def test_a_missing_part_of_a_result_key_that_does_not_apply_is_a_hyphen():
    columns = SCHEMAS["result"].columns()
    hyphens = {n for n, c in columns.items() if c.metadata.get("missing") == "-"}
    assert hyphens == {"population", "sample", "laboratory", "method", "replicate"}


def test_every_parameter_has_words_in_six_languages_and_a_known_unit():
    for each in parameters().values():
        assert set(each.synonyms) == LANGUAGES
        assert set(each.units) <= set(units())
        assert each.better in ("higher", "lower", "none")
        assert each.units or each.kind == "text"


def test_texts_that_mean_one_thing_are_one_text():
    for text in ("Negative", "no growth", "absent", "STERILE ", "not detected"):
        assert meaning("sterility", text) == "negative"
    assert meaning("karyotype", "no alteration") == "normal"
    assert meaning("karyotype", "Normal") == "normal"


def test_negative_to_date_is_not_negative():
    assert meaning("sterility", "Negative to date") == "negative to date"
    assert meaning("mycoplasma", "negativo hasta la fecha") == "negative to date"


def test_a_text_means_something_only_for_its_parameter():
    assert meaning("appearance", "absent") == "absent"
    assert meaning("nothing_known", "absent") == "absent"


def test_a_column_of_meanings_agrees_with_one_meaning():
    pairs = [
        (code, text)
        for code in ("sterility", "karyotype", "trilineage", "viability")
        for text in ("Pos.", "kein Wachstum", "normal", "cloudy liquid", "")
    ]
    told = said(
        meaning_expr(pl.col("text"), pl.col("code")),
        code=[code for code, _ in pairs],
        text=[text for _, text in pairs],
    )
    assert told == [meaning(code, text) for code, text in pairs]


def test_an_own_potency_assay_is_known_without_any_claim_about_it():
    own = parameter("potency_degranulation")
    assert own is not None
    assert (own.unit, own.better, own.chapter) == (None, "none", None)
    assert own.title == "Potency: degranulation"
    assert parameter("degranulation") is None


def test_a_unit_is_recognised_in_any_spelling_and_never_converted():
    spelt = ["eu/ML", "UI/ml", "Células/kg", "percent", "%", " beads / 3e6 cells "]
    expected = ["EU/mL", "IU/mL", "cells/kg", "%", "%", "beads/3e6 cells"]
    assert said(unit_expr(pl.col("u")), u=spelt) == expected
    assert said(unit_expr(pl.col("u")), u=["furlong", None]) == [None, None]


def test_no_spelling_belongs_to_two_units():
    seen: dict[str, str] = {}
    for unit in units().values():
        for spelling in (unit.code, *unit.aliases):
            key = plain(spelling).replace(" ", "")
            assert seen.setdefault(key, unit.code) == unit.code


def test_one_word_and_a_column_of_words_are_tidied_alike():
    words = ["Neg.", "  No\u00a0Growth ", "ＰＣＲ", "ÜBER", "a  b", "", "…"]
    assert said(plain_expr(pl.col("w")), w=words) == [plain(word) for word in words]


def test_a_slug_keeps_the_letters_under_accents():
    texts = ["Trypan blue (Neubauer)", "Ünï x_y", "-", " - ", "BacT/ALERT", "???"]
    expected = ["trypan-blue-neubauer", "uni-x-y", "-", "-", "bact-alert", ""]
    assert said(slug_expr(pl.col("t")), t=texts) == expected


def published(name: str) -> list[dict[str, str]]:
    folder = Path(contract.__file__).parents[1] / "published"
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["criteria.csv", "results.csv"])
def test_all_published_parameters_and_units_are_in_the_tables(name):
    rows = published(name)
    assert {row["parameter"] for row in rows} <= set(parameters())
    assert {row["unit"] for row in rows} - {""} <= set(units())
    for row in rows:
        known = parameters()[row["parameter"]]
        assert not row["unit"] or row["unit"] in known.units


def test_all_published_populations_stages_and_gates_are_words_of_the_contract():
    rows = published("criteria.csv")
    assert {row["population"] for row in rows} <= set(POPULATIONS)
    for column, words in (
        ("stage", "stage"),
        ("gate", "gate"),
        ("status", "criterion_status"),
    ):
        assert {row[column] for row in rows} <= set(VOCABULARIES[words])
