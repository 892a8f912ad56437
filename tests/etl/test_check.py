from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.bundle import Bundle, Manifest, Part
from etl.check import Known, check_rows
from etl.contract.schemas import KEYS, SCHEMAS, SENT
from etl.mapping import REJECT_SCHEMA
from etl.network import load_network
from etl.reading import Reading
from tests.etl.checking import (
    BATCH,
    KNOWN,
    READING,
    RESULT,
    arrived,
    checked,
    mapped,
    rules,
    spanish,
)
from tests.etl.drops import ENVIRON, edit, write_network


def test_a_good_row_comes_out_in_the_types_of_its_schema():
    said = {
        "product": "MSC",
        "pathway": "Hospital exemption",
        "started": "15/03/24",
        "cells_final": "1,5 × 10^9",
        "doses_made": "2",
        "recipient_weight_band_kg": "60-65",
        "medium": "X-VIVO 15",
    }
    got = checked([BATCH | said], reading=spanish("batch"))
    assert got.rejects.is_empty()
    row = got.good.row(0, named=True)
    assert row["product"] == "msc"
    assert row["pathway"] == "hospital_exemption"
    assert row["started"] == date(2024, 3, 15)
    assert row["cells_final"] == 1.5e9
    assert (row["doses_made"], row["recipient_weight_band_kg"]) == (2, 60)
    assert row["medium"] == "x-vivo-15"
    assert (row["origin"], row["ref"]) == ("lots.csv", "line 2")
    assert SCHEMAS["batch"].is_valid(got.good)


def test_a_row_is_refused_once_and_every_rule_it_broke_is_told():
    rows = [BATCH, BATCH | {"batch": "k1-2", "pathway": "HE", "started": "x"}]
    got = checked(rows)
    assert got.good["batch"].to_list() == ["k1-1"]
    assert got.rejected == 1
    assert got.rejects.schema == REJECT_SCHEMA
    assert got.rejects["row"].to_list() == [1, 1]
    assert set(got.rejects["ref"]) == {"line 3"}
    assert set(got.rejects["rule"]) == {"vocabulary", "date"}


def test_an_unknown_product_is_told_with_the_likeliest():
    (reject,) = checked([BATCH | {"product": "car-t-cd91"}]).rejects.to_dicts()
    assert (reject["column"], reject["rule"]) == ("product", "product")
    assert 'did you mean "car-t-cd19"' in reject["expected"]


def test_a_permission_may_be_for_all_products_and_a_batch_may_not():
    permission = {
        "site": "alpha",
        "product": "all",
        "kind": "manufacturing",
        "valid_from": "2020-01-01",
    }
    assert rules([permission], "authorisation") == []
    assert rules([BATCH | {"product": "all"}]) == [("product", "product", "all")]


def test_a_publication_names_products_of_its_own():
    known = Known(frozenset({"alpha"}), None)
    assert rules([BATCH | {"product": "ari-0001"}], known=known) == []


def test_a_contradiction_shows_both_cells_as_they_were_read():
    cells = {"started": "15/03/24", "harvested": "10/03/24"}
    got = rules([BATCH | cells], reading=spanish("batch"))
    assert got[0][2] == "harvested 10/03/24, started 15/03/24"


def test_a_cell_that_was_not_read_contradicts_nothing():
    cells = {"started": "2024-03-15", "harvested": "2024-02-31"}
    assert [rule for _, rule, _ in rules([BATCH | cells])] == ["no_such_day"]


def test_a_lot_is_one_lot_however_it_is_written():
    used = {
        "site": "alpha",
        "kind": "vector",
        "supplier": "Vector Core",
        "batch": "k1-1",
    }
    got = checked([used | {"lot": lot} for lot in ("lv-24 031", "LV24031")], "material")
    assert got.good["lot"].to_list() == ["LV24031"]
    assert got.repeated["reason"].to_list() == ["identical"]


def test_a_repeat_counts_as_good_and_stands_once():
    got = checked([BATCH, BATCH | {"batch": "k1-2"}, BATCH])
    assert got.good["ref"].to_list() == ["line 3", "line 4"]
    assert got.repeated.rows() == [(0, "lots.csv", "line 2", "identical")]
    assert got.rejects.is_empty()


def test_of_two_rows_that_differ_the_later_stands():
    got = checked([BATCH | {"trial": "one"}, BATCH | {"trial": "two"}])
    assert got.good["trial"].to_list() == ["two"]
    assert got.repeated["reason"].to_list() == ["superseded in the same extract"]


def test_a_refused_row_corrects_nothing():
    got = checked([BATCH | {"trial": "one"}, BATCH | {"trial": "two", "started": "x"}])
    assert got.good["trial"].to_list() == ["one"]
    assert (got.repeated.height, got.rejected) == (0, 1)


def test_rows_keep_the_numbers_they_had_in_the_extract():
    frame = mapped([BATCH, BATCH | {"pathway": "x"}]).with_columns(
        _row=pl.Series([4, 9])
    )
    got = check_rows(frame, "batch", READING, KNOWN)
    assert got.rejects["row"].to_list() == [9]


def test_a_laboratory_speaks_only_for_the_sites_that_name_it():
    lab = Reading("lab", [], READING.today)
    known = Known(frozenset({"lab", "alpha"}), None)
    rows = [RESULT, RESULT | {"site": "beta"}]
    got = checked(rows, "result", lab, known)
    assert got.good["site"].to_list() == ["alpha"]
    assert got.rejects["rule"].to_list() == ["owner"]
    assert '"lab" under `laboratories`' in got.rejects["expected"][0]


def test_nobody_sends_batches_of_another_site():
    known = Known(frozenset({"alpha", "beta"}), None)
    got = rules([BATCH | {"site": "beta"}], known=known)
    assert got == [("site", "owner", "beta")]


def test_what_was_read_is_shown_as_its_shape_if_it_tells_of_a_person():
    got = checked([BATCH | {"pathway": "María García", "started": "12345678Z"}])
    assert set(got.rejects["read"]) == {"Aaaaa Aaaaaa", "99999999A"}
    assert "García" not in str(got.rejects.to_dicts())


CELLS = st.none() | st.sampled_from(
    ["", " ", "-", "nd", "n.a.", "<0,3", "97,5", "1.495", "15/03/24", "2024-03-15"]
    + ["2024-03-11", "alpha", "msc", "k1-1", "viability", "sterility", "%", "EU/mL"]
    + ["final_product", "final", "validation", "slot", "negative", "2", "-5", "release"]
    + ["released", "vector", "major", ">=", "text", "2024-03", "batch", "???"]
)


@pytest.mark.parametrize("dataset", [*SENT, "cohort"])
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_every_row_goes_somewhere_and_says_why(dataset, data):
    columns = SCHEMAS[dataset].column_names()
    rows = data.draw(
        st.lists(st.fixed_dictionaries(dict.fromkeys(columns, CELLS | st.text())))
    )
    frame = mapped([*rows, dict.fromkeys(columns)])
    reading = data.draw(st.sampled_from([READING, spanish(dataset)]))
    got = check_rows(frame, dataset, reading, KNOWN)
    assert frame.height == got.good.height + got.repeated.height + got.rejected
    assert SCHEMAS[dataset].is_valid(got.good)
    assert got.good.select(KEYS[dataset]).is_unique().all()
    assert (
        got.rejects.select("column", "rule", "expected")
        .null_count()
        .sum_horizontal()
        .sum()
        == 0
    )
    refused = set(got.rejects["row"])
    assert refused.isdisjoint(got.repeated["row"])


@pytest.mark.parametrize("dataset", [*SENT, "cohort"])
def test_an_extract_without_rows_is_an_empty_answer(dataset):
    empty = pl.DataFrame(schema={"_origin": pl.String, "_ref": pl.String})
    got = check_rows(empty, dataset, READING, KNOWN)
    assert (got.good.height, got.rejected, got.repeated.height) == (0, 0, 0)
    assert SCHEMAS[dataset].is_valid(got.good)


def test_a_bundle_is_checked_by_what_the_settings_say(tmp_path):
    folder = write_network(tmp_path, ("alpha", "beta"))
    edit(folder, "alpha", 'kind = "manufacturer"', 'kind = "both"')
    edit(folder, "beta", "[site]", '[site]\nlaboratories = ["alpha"]')
    network = load_network(folder, ENVIRON)
    rows = mapped(
        [
            RESULT,
            RESULT | {"site": "beta", "value": "97,5"},
            RESULT | {"site": "gamma"},
            RESULT | {"value": "x", "replicate": "2"},
            RESULT,
        ]
    ).with_columns(_row=pl.int_range(pl.len()) + 1, _part=pl.lit(0))
    stopped = rejected(0)
    part = Part(source="main", kind="files", location="qc.csv", records=6, read=6)
    manifest = Manifest(
        site="alpha",
        dataset="result",
        extracted_at=datetime(2026, 11, 16, tzinfo=UTC),
        full=True,
        empty=False,
        mapping="m",
        records=6,
        read=6,
        parts=(part,),
    )
    arrival = arrived(Bundle(manifest, rows.lazy(), stopped.lazy()), network)
    assert arrival.good["site"].to_list() == ["beta", "alpha"]
    assert (arrival.good_rows, arrival.repeated, arrival.rejected) == (3, 1, 3)
    assert arrival.good_rows + arrival.rejected == manifest.read
    assert set(arrival.rejects["rule"]) == {"identifier", "owner", "number"}


def rejected(row):
    told = {"row": row, "rule": "identifier", "column": "method", "expected": "-"}
    return pl.DataFrame([told], schema=REJECT_SCHEMA)
