from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Page, SourceError
from etl.mapping import map_page, sender_column, styles
from etl.settings import DatasetRules, Style


def rules(name: str, *each: dict[str, object], **columns: object) -> DatasetRules:
    entry = {"name": name, "source": "main", "from": "x", "columns": columns}
    return DatasetRules.model_validate({**entry, "each": list(each)})


def page(origin: str = "qc.csv", **columns: list[str | None]) -> Page:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    lines = [f"line {number + 2}" for number in range(frame.height)]
    return Page(frame, origin, pl.Series(lines, dtype=pl.String))


WIDE = rules(
    "result",
    {
        "when": "Viab (%)",
        "columns": {"parameter": {"constant": "viability"}, "value": "Viab (%)"},
    },
    {
        "when": "VCN",
        "columns": {
            "parameter": {"constant": "vcn"},
            "value": "VCN",
            "method": {"constant": "ddpcr"},
        },
    },
    batch="Lote",
    stage={"constant": "final_product"},
)


def test_a_record_becomes_a_row_in_the_contracts_columns():
    mapped = map_page(
        page(Lote=["A1", "A2"], Inicio=["15/03/24", None]),
        rules("batch", batch="Lote", started="Inicio"),
        "alpha",
    )
    assert mapped.frame.to_dicts() == [
        {
            "site": "alpha",
            "batch": "A1",
            "started": "15/03/24",
            "_origin": "qc.csv",
            "_ref": "line 2",
        },
        {
            "site": "alpha",
            "batch": "A2",
            "started": None,
            "_origin": "qc.csv",
            "_ref": "line 3",
        },
    ]
    assert mapped.records == 2
    assert mapped.rejects.is_empty()


def test_a_column_that_no_rule_names_is_dropped():
    mapped = map_page(
        page(Lote=["A1"], Paciente=["Ana Gil"]), rules("batch", batch="Lote"), "alpha"
    )
    assert "Ana Gil" not in str(mapped.frame.to_dicts())


def test_every_column_stays_text():
    mapped = map_page(page(Lote=["1"]), rules("batch", batch="Lote"), "alpha")
    assert set(mapped.frame.dtypes) == {pl.String}


def test_outer_blanks_are_taken_off_so_that_one_batch_has_one_name():
    mapped = map_page(
        page(Lote=["A1 ", "\u00a0A1", " A1\t"]), rules("batch", batch="Lote"), "alpha"
    )
    assert mapped.frame["batch"].unique().to_list() == ["A1"]


def test_a_wide_record_gives_a_row_for_each_test_that_was_done():
    wide = page(
        Lote=["A1", "A2", "A3"],
        **{"Viab (%)": ["97,1", None, "  "], "VCN": ["<0,3", "nd", None]},
    )
    mapped = map_page(wide, WIDE, "alpha")
    rows = mapped.frame.select("batch", "parameter", "value", "method", "_ref")
    assert rows.rows() == [
        ("A1", "viability", "97,1", None, "line 2"),
        ("A1", "vcn", "<0,3", "ddpcr", "line 2"),
        ("A2", "vcn", "nd", "ddpcr", "line 3"),
    ]
    assert mapped.frame["stage"].unique().to_list() == ["final_product"]


def test_a_record_that_yields_no_row_is_one_reject():
    wide = page(Lote=["A1", "A2"], **{"Viab (%)": ["97,1", None], "VCN": ["1", " "]})
    mapped = map_page(wide, WIDE, "alpha")
    assert mapped.rejects.to_dicts() == [
        {
            "site": "alpha",
            "dataset": "result",
            "row": 2,
            "origin": "qc.csv",
            "ref": "line 3",
            "column": None,
            "rule": "empty_record",
            "read": None,
            "expected": 'something in "VCN" or "Viab (%)"',
        }
    ]
    assert mapped.records == 2


def test_a_blank_line_of_a_narrow_file_is_one_reject_too():
    mapped = map_page(page(Lote=["A1", " "]), rules("batch", batch="Lote"), "alpha")
    assert mapped.frame["batch"].to_list() == ["A1"]
    assert mapped.rejects["ref"].to_list() == ["line 3"]


cells = st.one_of(st.none(), st.sampled_from(["", " ", "nd", "1,5"]))


@given(st.lists(st.tuples(cells, cells)))
def test_what_is_read_is_the_rows_and_the_records_that_gave_none(records):
    first, second = (
        (list(column) for column in zip(*records, strict=True))
        if (records)
        else ([], [])
    )
    wide = page(Lote=["A"] * len(records), **{"Viab (%)": first, "VCN": second})
    mapped = map_page(wide, WIDE, "alpha")
    done = [sum(bool((cell or "").strip()) for cell in record) for record in records]
    assert mapped.frame.height == sum(done)
    assert mapped.rejects.height == done.count(0)
    assert mapped.records == len(records)


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("EC", "clinical_trial"),
        (" EC ", "clinical_trial"),
        ("ec", "clinical_trial"),
        ("Ec.", "clinical_trial"),
        ("EXENCIÓN HOSPITALARIA", "hospital_exemption"),
        ("something else", "something else"),
        ("ninguna", None),
        (None, None),
    ],
)
def test_a_code_is_matched_as_written_then_in_any_capitals(read, meant):
    codes = {
        "EC": "clinical_trial",
        "Exención hospitalaria": "hospital_exemption",
        "ninguna": "",
    }
    entry = rules("batch", batch="Lote", pathway={"column": "Vía", "codes": codes})
    mapped = map_page(page(Lote=["A1"], Vía=[read]), entry, "alpha")
    assert mapped.frame["pathway"].to_list() == [meant]


def test_codes_that_differ_only_in_capitals_are_told_apart_or_not_used():
    codes = {"a": "treated", "A": "died"}
    entry = rules(
        "demand", order_key="k", close_reason={"column": "why", "codes": codes}
    )
    mapped = map_page(page(k=["1", "2", "3"], why=["a", "A", "a."]), entry, "alpha")
    assert mapped.frame["close_reason"].to_list() == ["treated", "died", "a."]


def test_a_constant_is_the_text_of_the_contract():
    entry = rules(
        "batch",
        batch="Lote",
        attempt={"constant": 1},
        cells_planned={"constant": 1.5e6},
        started={"constant": date(2024, 3, 15)},
    )
    row = map_page(page(Lote=["A1"]), entry, "alpha").frame.row(0, named=True)
    assert (row["attempt"], row["started"]) == ("1", "2024-03-15")
    assert float(row["cells_planned"]) == 1.5e6


def test_a_column_that_is_gone_names_itself_what_is_there_and_the_file():
    renamed = page(Lote=["A1"], **{"Viab %": ["97"]}, VCN=["1"])
    with pytest.raises(SourceError) as caught:
        map_page(renamed, WIDE, "alpha")
    told = str(caught.value)
    for words in ('"Viab (%)" (Did you mean "Viab %"?)', '"Lote"', '"VCN"'):
        assert words in told
    assert "sites/alpha.toml" in told
    assert (caught.value.site, caught.value.source) == ("alpha", "main")


def test_where_no_mapped_column_is_found_nothing_of_the_source_is_shown():
    headless = page(**{"Ana Gil": ["Juan Mas"], "97,1": ["3"], "VCM": ["x"]})
    with pytest.raises(SourceError) as caught:
        map_page(headless, WIDE, "alpha")
    assert "Ana Gil" not in str(caught.value)
    assert "VCM" not in str(caught.value)
    assert "3 columns" in str(caught.value)


def test_headers_in_other_capitals_are_recognised_as_what_was_meant():
    with pytest.raises(SourceError, match='"Lote" .Did you mean "LOTE"'):
        map_page(page(LOTE=["A1"]), rules("batch", batch="Lote"), "alpha")


def test_a_header_may_end_in_blanks_or_be_written_by_a_mac():
    decomposed = "Vi\u0301a"
    entry = rules("batch", batch="Lote", pathway="Vía")
    mapped = map_page(page(**{"Lote ": ["A1"], decomposed: ["EC"]}), entry, "alpha")
    assert mapped.frame.select("batch", "pathway").row(0) == ("A1", "EC")


def test_a_source_without_any_record_gives_no_row_and_no_mistake():
    mapped = map_page(page(), WIDE, "alpha")
    assert (mapped.frame.height, mapped.rejects.height, mapped.records) == (0, 0, 0)
    full = page(Lote=["A"], **{"Viab (%)": ["1"], "VCN": ["1"]})
    assert mapped.frame.schema == map_page(full, WIDE, "alpha").frame.schema


def test_a_column_of_the_source_may_have_any_name():
    entry = rules("batch", batch="_record", trial="_ref", outcome="site")
    mapped = map_page(page(_record=["A1"], _ref=["T"], site=["ok"]), entry, "alpha")
    row = mapped.frame.row(0, named=True)
    assert (row["batch"], row["trial"], row["outcome"]) == ("A1", "T", "ok")
    assert (row["site"], row["_ref"]) == ("alpha", "line 2")


def test_a_laboratorys_rows_belong_to_the_site_its_mapping_names():
    entry = rules(
        "result",
        site={"column": "client", "codes": {"Unit A": "alpha"}},
        batch="label",
        parameter="test",
        stage={"constant": "final_product"},
        value="result",
    )
    sent = page(client=["Unit A"], label=["k1-00"], test=["vcn"], result=["1"])
    row = map_page(sent, entry, "lab").frame.row(0, named=True)
    assert (row["site"], row["laboratory"]) == ("alpha", "lab")


@pytest.mark.parametrize(
    ("dataset", "mapped", "column"),
    [
        ("batch", set(), "site"),
        ("result", {"batch"}, "site"),
        ("result", {"site"}, "laboratory"),
        ("result", {"site", "laboratory"}, None),
        ("ring_trial", {"round"}, "laboratory"),
        ("cohort", set(), None),
    ],
)
def test_the_sender_of_a_row_is_filled_in_where_nothing_says_it(
    dataset, mapped, column
):
    assert sender_column(dataset, mapped) == column


def test_styles_say_how_each_column_was_written():
    entry = rules(
        "batch",
        batch="Lote",
        started={"column": "Inicio", "dates": "dmy"},
        cells_final={"column": "Células", "decimal": "."},
        attempt={"constant": 1},
    )
    found = styles(entry, Style(decimal=",", time_zone="Europe/Madrid"))
    plain = {
        "decimal": ",",
        "dates": "iso",
        "time_zone": "Europe/Madrid",
        "fraction": False,
    }
    assert found["batch"] == plain
    assert found["started"] == {**plain, "dates": "dmy"}
    assert found["cells_final"] == {**plain, "decimal": "."}
    assert found["attempt"]["decimal"] == "."
    assert (
        "_style"
        not in map_page(
            page(Lote=["A"], Inicio=["x"], Células=["1"]), entry, "alpha"
        ).frame.columns
    )


def test_a_power_of_ten_travels_with_the_column_that_declares_it():
    entry = rules("batch", batch="Lot", cells_final={"column": "Cells", "power": 6})
    found = styles(entry, Style())
    assert found["cells_final"]["power"] == 6
    assert "power" not in found["batch"]


def test_a_block_written_in_another_way_is_found_by_its_number():
    entry = rules(
        "result",
        {"when": "Viab", "columns": {"value": "Viab"}},
        {"when": "CAR", "columns": {"value": {"column": "CAR", "fraction": True}}},
        {"when": "VCN", "columns": {"value": "VCN"}},
        batch="Lote",
    )
    found = styles(entry, Style())
    assert set(found) == {"batch", "value", "value#1"}
    assert (found["value"]["fraction"], found["value#1"]["fraction"]) == (False, True)
    sent = page(Lote=["A"], Viab=["97"], CAR=["0.4"], VCN=["2"])
    frame = map_page(sent, entry, "alpha").frame
    assert frame.select("value", "_style").rows() == [("97", 0), ("0.4", 1), ("2", 2)]
    assert frame.schema["_style"] == pl.Int64


def test_blocks_written_alike_need_no_style_of_their_own():
    sent = page(Lote=["A"], **{"Viab (%)": ["97"], "VCN": ["1"]})
    assert "_style" not in map_page(sent, WIDE, "alpha").frame.columns


def test_a_constant_is_not_read_in_the_style_of_the_column_beside_it():
    entry = rules(
        "result",
        {"when": "Viab", "columns": {"value": "Viab"}},
        {"when": "CAR", "columns": {"value": {"constant": 0.5}}},
        batch="Lote",
    )
    found = styles(entry, Style(decimal=","))
    assert (found["value"]["decimal"], found["value#1"]["decimal"]) == (",", ".")
    frame = map_page(page(Lote=["A"], Viab=["97,1"], CAR=["x"]), entry, "alpha").frame
    assert frame.select("value", "_style").rows() == [("97,1", 0), ("0.5", 1)]
