import hashlib
import hmac

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.schemas import SENT
from etl.network import Privacy
from etl.pseudonym import (
    PSEUDONYM,
    pseudonym,
    pseudonym_columns,
    pseudonymise,
    pseudonymise_refs,
)

KEY = ("a key of the site", "k1")
PRIVACY = Privacy(*KEY, "day")
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def mapped(batches, refs=None, origin="lots.csv", **columns):
    height = len(batches)
    refs = refs or [f"line {number}" for number in range(2, height + 2)]
    return pl.DataFrame(
        {"batch": batches, "_origin": [origin] * height, "_ref": refs, **columns},
        schema_overrides={"batch": pl.String},
    )


def made(frame, dataset="batch", site="alpha"):
    return pseudonymise(frame, dataset, site, PRIVACY)


def by_hand(value, site="alpha"):
    message = f"{site}|{value}".encode()
    mac = hmac.new(KEY[0].encode(), message, hashlib.sha256)
    return f"k1-{mac.hexdigest()[:16]}"


def test_a_pseudonym_is_the_keyed_hash_of_site_and_number():
    assert pseudonym("A-12", "alpha", *KEY) == by_hand("A-12")
    assert made(mapped(["A-12"]))["batch"].to_list() == [by_hand("A-12")]


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_columns_and_single_numbers_get_the_same_pseudonym(numbers):
    column = made(mapped(numbers))["batch"].to_list()
    for number, got in zip(numbers, column, strict=True):
        if number.strip() not in ("", "-"):
            assert got == pseudonym(number, "alpha", *KEY)


def test_another_site_or_key_gives_another_pseudonym():
    ways = {
        pseudonym("A-12", "alpha", *KEY),
        pseudonym("A-12", "beta", *KEY),
        pseudonym("A-12", "alpha", "another key", "k1"),
    }
    assert len(ways) == 3


def test_blanks_and_forms_of_a_letter_do_not_make_another_number():
    batches = made(mapped(["fi1", " ﬁ1 ", "ｆｉ１"]))["batch"]
    assert batches.n_unique() == 1


def test_what_is_not_there_gets_no_pseudonym():
    frame = mapped([None, "", "-"], sample=["-", None, "s"])
    got = made(frame, "result")
    assert got["batch"].to_list() == [None, None, "-"]
    assert got["sample"].to_list()[:2] == ["-", None]
    assert got["sample"].to_list()[2] == by_hand("s")


@pytest.mark.parametrize("dataset", SENT)
def test_numbers_of_batches_orders_and_samples_never_leave(dataset):
    expected = {"batch", "order_key", "deviation", "sample"}
    assert set(pseudonym_columns(dataset)) <= expected
    for column in pseudonym_columns(dataset):
        frame = mapped(["A-12"]).rename({"batch": column})
        got = made(frame, dataset)
        assert got.filter(~pl.col(column).str.contains(PSEUDONYM)).is_empty()


def test_a_laboratory_keeps_the_pseudonym_that_the_owner_put_on_the_sample():
    owners = by_hand("A-12")
    frame = mapped([owners, "A-12", owners], site=["alpha", "alpha", "lab"])
    got = made(frame, "result", "lab")["batch"].to_list()
    assert got[0] == owners
    assert got[1] == by_hand("A-12", "lab")
    assert got[2] == by_hand(owners, "lab")


def test_a_record_is_named_by_its_pseudonym_and_a_line_by_its_number():
    refs = ["record 102", "record 7, event baseline, instance 2", "line 4", "row 5"]
    got = made(mapped(["102", "a", "b", "5"], refs))
    assert got["_ref"].to_list() == [
        f"record {by_hand('102')}",
        f"record {by_hand('7')}, event baseline, instance 2",
        "line 4",
        "row 5",
    ]
    assert got["_ref"][0] == f"record {got['batch'][0]}"


def test_the_places_of_rejects_are_named_alike():
    rejects = pl.DataFrame({"ref": ["record 102", "line 4", None]})
    got = pseudonymise_refs(rejects, "alpha", PRIVACY)["ref"].to_list()
    assert got == [f"record {by_hand('102')}", "line 4", None]


def test_a_file_named_by_a_batch_is_named_by_its_pseudonym_in_every_row():
    frame = mapped(["A-12/24", "A-12", "x"], origin="qc_A-12.csv")
    origins = made(frame)["_origin"].unique().to_list()
    assert origins == [f"qc_{by_hand('A-12')}.csv"]


def test_a_short_number_does_not_tear_the_name_of_a_file():
    frame = mapped(["2", "24"], origin="lots_2024.csv")
    assert made(frame)["_origin"].unique().to_list() == ["lots_2024.csv"]


def test_an_empty_page_stays_empty():
    empty = mapped([]).with_columns(pl.col("_origin", "_ref").cast(pl.String))
    assert made(empty).height == 0
