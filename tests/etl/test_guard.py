import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import check_digits
from etl.contract.schemas import SCHEMAS, SENT
from etl.guard import guard, protect, protect_rejects, shown
from etl.identifiers import _detectors, identifiers, shape, without_identifiers
from etl.mapping import REJECT_SCHEMA
from etl.network import Privacy
from etl.pseudonym import pseudonym, pseudonym_columns
from tests.etl.clinical import stopped
from tests.etl.corpus import found_alone, planted, seldom, table

TELLING = {
    "e-mail address": ["a.b@hospital.es", "write to ana@x.org now"],
    "telephone number": [
        "+34 612 345 678",
        "0034 612 345 678",
        "Tel: 612345678",
        "612 345 678",
        "06 12 34 56 78",
        "020 7946 0958",
        "+34612345678",
    ],
    "NHS number": ["943 476 5919", "9434765919"],
    "DNI or NIE": ["12345678Z", "12345678-z", "X1234567L", "lot 12345678Z"],
    "NIR": ["2 55 08 14 168 025 38", "255081416802538"],
    "personnummer": ["811218-9876", "198112189876"],
    "codice fiscale": ["RSSMRA85T10A562S", "rssmra85t10a562s"],
    "AVS number": ["756.9217.0769.85", "7569217076985"],
    "resident number": ["11010519491231002X"],
    "donation number": [
        "=W123421123456",
        "W1234 21 123456",
        "G123498654321H",
        "W123421123456",
    ],
    "Single European Code": ["ES001234ABCDEFGHIJKL1A000031200120261231"],
    "chain-of-identity label": ["&/A1234"],
    "birth date": ["DOB 12/03/1956", "nacida el 12-03-1956", "né le 12/03/1956"],
    "name": [
        "María García",
        "GARCIA LOPEZ, MARIA",
        "García, María",
        "Jean-Pierre Blanc",
        "Dr. Okafor",
        "Frau Okafor",
        "Paciente: Zubiri, M",
        "nombre: ana",
        "garcia_maria.xlsx",
        "Garcia, M.",
        "M. Garcia",
    ],
    "patient number": ["MRN 1234567", "NHC: 123456", "patient no 12345"],
}
HARMLESS = [
    "trypan blue (Neubauer)",
    "BacT/ALERT aerobic and anaerobic",
    "slightly turbid, container intact",
    "yellowish, milky, no aggregates",
    "positive for CD4 CD25 FOXP3",
    "CAR detection reagent bound",
    "HLA-DR Positive",
    "flow cytometry (protein L)",
    "NCT04787263",
    "2013-001393-22",
    "2023-503456-11-00",
    "Patient Died",
    "Charles River",
    "Paul-Ehrlich-Institut",
    "Carl Roth GmbH",
    "Miltenyi Biotec",
    "Läkemedelsverket",
    "Gram Stain",
    "Released, Infused",
    "2024-03-15T10:00+01:00",
    "1,495 × 10^6",
    "k1-0123456789abcdef",
    "LV2024-031",
    "X-VIVO 15",
    "46,XX",
    "Ph. Eur. 2.6.27",
    "Terminated: low viability",
    "table qc_result",
    "GET /api/v2/lots",
    "lotes_2024.csv",
    "qc.xlsx, sheet Results",
    "REDCap form lot_release, event baseline",
    "export_2024-03-15_10-00.csv",
]
PRIVACY = Privacy("a key of the site", "k1", "day")


def mapped(height=1, **columns):
    return pl.DataFrame(
        {
            "_origin": ["qc.csv"] * height,
            "_ref": [f"line {n}" for n in range(2, height + 2)],
            **columns,
        }
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [(kind, text) for kind, texts in TELLING.items() for text in texts],
)
def test_what_tells_of_a_person_is_found_and_its_shape_tells_nothing(kind, text):
    assert identifiers(pl.Series([text])).to_list() == [kind]
    assert {letter for letter in shape(text) if letter.isalnum()} <= set("Aa9")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_a_laboratory_writes_is_let_through(text):
    assert identifiers(pl.Series([text])).to_list() == [None]


def test_everything_published_passes_the_gate():
    folder = Path(check_digits.__file__).parent / "published"
    for name in ("criteria.csv", "results.csv"):
        frame = pl.read_csv(folder / name, infer_schema=False)
        for column in set(frame.columns) - {"source_id"}:
            assert identifiers(frame[column]).is_null().all(), column


@pytest.mark.parametrize(
    ("holds", "right"),
    [
        (check_digits.is_nhs, "9434765919"),
        (check_digits.is_dni, "12345678Z"),
        (check_digits.is_nir, "255081416802538"),
        (check_digits.is_personnummer, "8112189876"),
        (check_digits.is_codice_fiscale, "RSSMRA85T10A562S"),
        (check_digits.is_avs, "7569217076985"),
        (check_digits.is_resident, "11010519491231002X"),
        (check_digits.is_din, "G123498654321H"),
        (check_digits.is_bsn, "111222333"),
        (check_digits.is_belgian, "85073003328"),
        (check_digits.is_norwegian, "01010750160"),
        (check_digits.is_finnish, "131052308T"),
        (check_digits.is_danish, "2110625629"),
        (check_digits.is_portuguese, "123456789"),
        (check_digits.is_german, "A123456780"),
        (check_digits.is_card, "80756000000000000000"),
    ],
)
def test_a_number_with_another_check_digit_is_nobodys(holds, right):
    assert holds(right)
    last = right[-1]
    others = "0123456789" if last.isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert not any(holds(right[:-1] + other) for other in others if other != last)


def test_a_cell_count_that_happens_to_be_an_nhs_number_stops_nothing():
    figures = [str(9_000_000_000 + 7 * n) for n in range(300)]
    right = [f for f in figures if check_digits.is_nhs(f)]
    assert right
    assert identifiers(pl.Series(figures), "figures").is_null().all()
    assert identifiers(pl.Series(figures), "lots").is_null().all()


def test_a_column_of_figures_that_are_all_nhs_numbers_is_what_it_looks_like():
    numbers = [str(n) for n in range(9_000_000_000, 9_000_003_000)]
    right = pl.Series([n for n in numbers if check_digits.is_nhs(n)][:50])
    assert identifiers(right, "figures").null_count() == 0
    assert identifiers(right, "lots").null_count() == 0


def test_a_row_is_stopped_whole_and_says_what_kind_of_cell_stopped_it():
    frame = mapped(
        height=3, batch=["A", "B", "C"], method=["PCR", "María García", "PCR"]
    )
    passed = guard(frame, "result", "alpha")
    assert passed.rows["_row"].to_list() == [0, 2]
    (reject,) = passed.rejects.to_dicts()
    assert reject["rule"] == "identifier"
    assert (reject["row"], reject["column"]) == (1, "method")
    assert reject["read"] == "Aaaaa Aaaaaa"
    assert reject["expected"].startswith("no name")
    assert "García" not in str(passed.rejects.to_dicts())


def test_two_telling_cells_of_a_row_are_two_rejects_of_one_row():
    frame = mapped(method=["12345678Z"], value=["ana@x.org"], parameter=["sterility"])
    rejects = guard(frame, "result", "alpha").rejects
    assert rejects["row"].to_list() == [0, 0]
    assert set(rejects["column"]) == {"method", "value"}
    assert "99999999A" in rejects["read"].to_list()


def test_rows_that_pass_and_rows_that_are_stopped_are_all_rows():
    frame = mapped(height=4, trial=["NCT04787263", None, "12345678Z", "X1234567L"])
    passed = guard(frame, "batch", "alpha")
    assert passed.rows.height + passed.rejects["row"].n_unique() == 4


@pytest.mark.parametrize("column", ["batch", "sample"])
def test_columns_that_get_pseudonyms_may_hold_anything(column):
    frame = mapped(**{column: ["María García"]})
    assert guard(frame, "result", "alpha").rejects.is_empty()


@pytest.mark.parametrize("dataset", SENT)
def test_every_column_that_is_not_replaced_passes_the_gate(dataset):
    for column in SCHEMAS[dataset].column_names():
        if column not in pseudonym_columns(dataset):
            frame = mapped(**{column: ["write to ana@x.org"]})
            rejects = guard(frame, dataset, "alpha").rejects
            assert rejects["column"].to_list() == [column]


def test_files_and_records_pass_the_gate_too():
    frame = mapped(height=2, method=["PCR", "12345678Z"]).with_columns(
        _origin=pl.lit("garcia_maria.csv"), _ref=pl.lit("record 9434765919")
    )
    passed = guard(frame, "result", "alpha")
    for places in (
        passed.rows.select("_origin", "_ref"),
        passed.rejects.select("origin", "ref"),
    ):
        assert places.rows() == [("aaaaaa_aaaaa.aaa", "aaaaaa 9999999999")]


def test_a_site_gives_pseudonyms_and_no_names():
    frame = mapped(
        height=2,
        batch=["A-2024-1", "A-2024-2"],
        method=["PCR", "12345678Z"],
    ).with_columns(_ref=pl.Series(["record A-2024-1", "record A-2024-2"]))
    passed = protect(frame, "result", "alpha", PRIVACY)
    first, second = (
        pseudonym(n, "alpha", PRIVACY.key, "k1") for n in ("A-2024-1", "A-2024-2")
    )
    assert passed.rows["batch"].to_list() == [first]
    assert passed.rows["_ref"].to_list() == [f"record {first}"]
    assert passed.rejects["ref"].to_list() == [f"record {second}"]


def test_a_publication_keeps_its_numbers_and_passes_the_gate_all_the_same():
    frame = mapped(height=2, batch=["KD1", "LD1"], method=["PCR", "ana@x.org"])
    passed = protect(frame, "result", "paper", None)
    assert passed.rows["batch"].to_list() == ["KD1"]
    assert passed.rejects.height == 1


def test_the_places_of_empty_records_leave_without_numbers_or_names():
    rejects = pl.DataFrame(
        {"origin": ["garcia_maria.csv"], "ref": ["record A-2024-1"]},
    ).select(
        pl.col(c) if c in ("origin", "ref") else pl.lit(None, dtype).alias(c)
        for c, dtype in REJECT_SCHEMA.items()
    )
    got = protect_rejects(rejects, "alpha", PRIVACY).row(0, named=True)
    assert got["origin"] == "aaaaaa_aaaaa.aaa"
    assert got["ref"] == f"record {pseudonym('A-2024-1', 'alpha', PRIVACY.key, 'k1')}"


def test_a_shape_keeps_signs_and_lengths_only():
    assert shape("María Ñ 12345678Z") == "Aaaaa A 99999999A"
    assert shape("李明 ana@x.org") == "aa aaa@a.aaa"
    assert len(shape("a" * 500)) == 40


def test_what_may_be_shown_is_shown():
    texts = pl.Series("read", ["PCR", "12345678Z", None, "line 4"])
    assert shown(texts).to_list() == ["PCR", "99999999A", None, "line 4"]


@settings(deadline=None)
@given(
    st.lists(st.none() | st.text() | st.text("0123456789XYZ@.- =&/+ABCa")),
    st.sampled_from(["words", "figures", "lots"]),
)
def test_no_text_makes_the_gate_raise(texts, column):
    found = identifiers(pl.Series(texts, dtype=pl.String), column)
    assert found.len() == len(texts)


@pytest.mark.parametrize(
    ("message", "shown_as"),
    [
        ("the server says: no.", "the server says: no."),
        (
            "answered 400 and says: The value '12345678Z' is wrong",
            "answered 400 and says: The value '99999999A' is wrong",
        ),
        (
            'columns "lote", "María García López", "X1234567L"; mend',
            'columns "lote", "Aaaaa Aaaaaa Aaaaa", "A9999999A"; mend',
        ),
        (
            "nobody: nombre: ana lopez ruiz; then",
            "nobody: aaaaaa: aaa aaaaa aaaa; then",
        ),
        ("943 476 5919,943 476 5919", "999 999 9999,999 999 9999"),
    ],
)
def test_a_message_keeps_all_but_what_identifies_somebody(message, shown_as):
    assert without_identifiers(message) == shown_as


def test_every_pattern_means_the_same_to_python_and_to_polars():
    for texts in planted().values():
        once = pl.Series(texts)
        for detector in _detectors("text", may_be_long=False):
            there = once.str.contains(detector.pattern).to_list()
            found = re.compile(detector.pattern).search
            assert there == [found(text) is not None for text in texts], detector


@pytest.mark.parametrize(("form", "number", "words", "figures", "lots"), [*table()])
def test_so_much_of_each_form_is_found(form, number, words, figures, lots):
    assert number == 150
    assert words >= 0.99
    like_a_figure = {"telephone number": 0.4}
    like_a_lot = {"telephone number": 0.4, "donation number": 0.7}
    assert figures >= like_a_figure.get(form, 0.99)
    assert lots >= like_a_lot.get(form, 0.99)


def test_hardly_anything_a_laboratory_writes_is_stopped():
    counted = stopped()
    assert sum(number for number, _, _ in counted.values()) == 100_000
    assert sum(kinds.total() for _, kinds, _ in counted.values()) <= 10


def test_a_name_no_list_holds_is_known_by_its_company():
    common, rare = planted()["name"], seldom()
    assert found_alone(rare[::24]) < 0.5
    together = pl.Series([*common, *rare[::10], "Trypan Blue", "negative", "v3"])
    found = identifiers(together, "text")
    assert found[: -3 - len(rare[::10])].null_count() == 0
    assert found[-3 - len(rare[::10]) : -3].null_count() == 0
    assert found[-2:].null_count() == 2


def test_one_name_makes_no_names_of_what_stands_beside_it():
    texts = ["María García", "Trypan Blue", "Gram Stain", "Miltenyi Biotec"]
    assert identifiers(pl.Series(texts)).to_list() == ["name", None, None, None]
