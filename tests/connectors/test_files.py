import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from connectors import ConfigError, Page, SourceError, _file_kinds, _workbook

Read = Callable[..., list[Page]]


def test_a_reference_is_the_line_on_which_the_record_begins(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "lots.csv").write_text(
        'lot,note\nA,one\n\n\nB,"two\nlines, and\nthree"\nC,x\n,\nD," "\n'
    )
    [page] = read("files", {"folder": tmp_path}, "lots.csv")
    assert page.refs.to_list() == ["line 2", "line 5", "line 8", "line 10"]
    assert page.frame["lot"].to_list() == ["A", "B", "C", "D"]
    assert page.frame["note"].to_list() == ["one", "two\nlines, and\nthree", "x", " "]
    assert page.origin == "lots.csv"
    assert page.watermark is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_gives_the_same_rows(read: Read, tmp_path: Path, end: str) -> None:
    text = end.join(["a,b", "1,2", "", "3,"])
    (tmp_path / "x.csv").write_bytes(text.encode())
    [page] = read("files", {"folder": tmp_path}, "x.csv")
    assert page.frame.rows() == [("1", "2"), ("3", None)]
    assert page.refs.to_list() == ["line 2", "line 4"]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-8-sig", "latin-1"),
        ("utf-16", "utf-8"),
        ("latin-1", "latin-1"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_and_marks_give_the_same_text(
    read: Read, tmp_path: Path, encoding: str, declared: str
) -> None:
    text = "Nº de lote;Viab (%)\n07;97,5\n"
    (tmp_path / "x.csv").write_bytes(text.encode(encoding))
    [page] = read(
        "files", {"folder": tmp_path}, "x.csv", delimiter=";", encoding=declared
    )
    assert page.frame.to_dicts() == [{"Nº de lote": "07", "Viab (%)": "97,5"}]


def test_every_file_of_a_pattern_is_read_in_order_and_office_locks_are_not(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024/b.csv").write_text("x\n1\n")
    (tmp_path / "a.csv").write_text("x\n2\n")
    (tmp_path / "~$a.csv").write_text("lock")
    (tmp_path / ".~lock.a.csv").write_text("lock")
    pages = read("files", {"folder": tmp_path}, "**/*.csv")
    assert [page.origin for page in pages] == ["2024/b.csv", "a.csv"]


def test_a_header_alone_gives_an_empty_page_with_its_columns(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "x.tsv").write_text("a\tb\n")
    [page] = read("files", {"folder": tmp_path}, "x.tsv")
    assert page.frame.schema == {"a": pl.String, "b": pl.String}
    assert page.refs.len() == page.frame.height == 0


def test_header_row_passes_over_what_stands_above(read: Read, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Hospital, unit 3\n,,\nlot,,day\nA,,1\n")
    [page] = read("files", {"folder": tmp_path}, "x.csv", header_row=3)
    assert page.frame.to_dicts() == [{"lot": "A", "column 2": None, "day": "1"}]
    assert page.refs.to_list() == ["line 4"]


def test_a_long_file_comes_in_pages(read: Read, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("n\n" + "\n".join(map(str, range(120_000))))
    pages = read("files", {"folder": tmp_path}, "x.csv")
    assert [page.frame.height for page in pages] == [50_000, 50_000, 20_000]
    assert pages[-1].refs[-1] == "line 120001"
    assert pages[-1].frame["n"][-1] == "119999"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "has no header"),
        (b"a,b\n1,2\n1\n", "has 1 values in the record on line 3 and 2"),
        (b"a,b\n1,2,3\n", "has 3 values in the record on line 2 and 2"),
        (b"a,b,a\n1,2,3\n", "has the column 'a' twice"),
        (b"a,b\n1,\xe9\n", "is not written in utf-8; set read.encoding"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "begins on line 3"),
        (b"a;b\n1;2\n", 'set read.delimiter = ";" (semicolon)'),
        (b"PK\x03\x04rest", "name it .xlsx"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_named_with_what_to_do(
    read: Read, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read("files", {"folder": tmp_path}, "bad.csv")
    assert str(caught.value).startswith("site alpha, source main: bad.csv ")
    assert words in str(caught.value)


def test_what_is_not_there_is_said(read: Read, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file matches 'lots_\*.csv'"):
        read("files", {"folder": tmp_path}, "lots_*.csv")
    with pytest.raises(SourceError, match="no folder 'gone'"):
        read("files", {"folder": tmp_path / "gone"}, "*.csv")


def test_nothing_outside_the_folder_is_read(read: Read, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(SourceError, match="link out of the folder"):
        read("files", {"folder": inside}, "*.csv")
    for pattern in ("../secret.csv", str(tmp_path / "secret.csv"), ""):
        with pytest.raises(ConfigError, match="inside the source's folder"):
            read("files", {"folder": inside}, pattern)


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    with xlsxwriter.Workbook(tmp_path / "qc.xlsx") as book:
        book.add_worksheet("Cover").write(0, 0, "a cover")
        sheet = book.add_worksheet("Results")
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        hour = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        sheet.merge_range("B3:D3", "Sample")
        sheet.write_row(3, 1, ["Lote", "Fecha", "Hora", "CD3", "Serie", "Nota", "F"])
        for row, lot in ((4, "007"), (6, "008")):
            sheet.write_string(row, 1, lot)
            sheet.write_datetime(row, 2, datetime(2024, 3, 1), day)
            sheet.write_datetime(row, 3, datetime(2024, 3, 1, 13, 45, 10), hour)
            sheet.write_number(row, 4, 12 if row == 4 else 97.1)
            sheet.write_number(row, 5, 45352)
            sheet.write_string(row, 6, "<0,3")
            sheet.write_boolean(row, 7, True)
        sheet.write_formula(6, 6, "=NA()", None, "#N/A")
        book.add_worksheet("Empty")
    return tmp_path


def test_cells_are_text_as_a_person_reads_them(read: Read, workbook: Path) -> None:
    [page] = read("files", {"folder": workbook}, "qc.xlsx#Results", header_row=4)
    assert page.origin == "qc.xlsx, sheet Results"
    assert page.refs.to_list() == ["row 5", "row 7"]
    same = {"Fecha": "2024-03-01", "Hora": "2024-03-01T13:45:10", "Serie": "45352"}
    assert page.frame.to_dicts() == [
        {"Lote": "007", "CD3": "12", "Nota": "<0,3", "F": "true", **same},
        {"Lote": "008", "CD3": "97.1", "Nota": "#N/A", "F": "true", **same},
    ]


def test_numbers_have_no_float_noise(read: Read, workbook: Path) -> None:
    noisy = workbook / "noisy.xlsx"
    with (
        zipfile.ZipFile(workbook / "qc.xlsx") as old,
        zipfile.ZipFile(noisy, "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name).replace(
                b"<v>97.1</v>", b"<v>97.099999999999994</v>"
            )
            new.writestr(name, content)
    [page] = read("files", {"folder": workbook}, "noisy.xlsx#Results", header_row=4)
    assert page.frame["CD3"].to_list() == ["12", "97.1"]


def test_the_first_sheet_is_read_when_none_is_named(read: Read, workbook: Path) -> None:
    [page] = read("files", {"folder": workbook}, "qc.xlsx")
    assert page.origin == "qc.xlsx, sheet Cover"
    assert page.frame.columns == ["a cover"]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("qc.xlsx#Resultado", "has no sheet 'Resultado'; it has Cover, Results, Empty"),
        ("qc.xlsx#Empty", "has no header"),
        ("fake.xlsx", "is no XLSX workbook"),
        ("hollow.xlsx", "is empty"),
        ("lots.csv#Results", "is no workbook"),
        ("lots.doc", "save it as one of these"),
        ("broken.parquet", "is no Parquet file"),
        ("broken.jsonl", "no JSON object on line 2"),
        ("latin.jsonl", "is not written in utf-8"),
    ],
)
def test_a_file_of_the_wrong_kind_is_said_to_be(
    read: Read, workbook: Path, location: str, words: str
) -> None:
    (workbook / "fake.xlsx").write_text("lot;day\n1;2\n")
    (workbook / "hollow.xlsx").touch()
    (workbook / "lots.csv").write_text("a\n1\n")
    (workbook / "lots.doc").write_text("a")
    (workbook / "broken.parquet").write_text("PAR1 not")
    (workbook / "broken.jsonl").write_text('{"a": 1}\n{"a": \n')
    (workbook / "latin.jsonl").write_bytes('{"a": "ñ"}\n'.encode("latin-1"))
    with pytest.raises(SourceError) as caught:
        read("files", {"folder": workbook}, location)
    assert words in str(caught.value)


def test_what_must_be_held_in_memory_has_bounds(
    read: Read, workbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_workbook, "UNPACKED", 2**10)
    with pytest.raises(SourceError, match=r"qc\.xlsx unpacks to \d+ MiB, more than 0"):
        read("files", {"folder": workbook}, "qc.xlsx")
    monkeypatch.setattr(_file_kinds, "HELD", 2**10)
    with pytest.raises(SourceError, match=r"qc\.xlsx has more than 0 MiB, the most"):
        read("files", {"folder": workbook}, "qc.xlsx")


@pytest.mark.parametrize("mark", ["§", "|", "\t", " "])
def test_any_character_may_part_values(read: Read, tmp_path: Path, mark: str) -> None:
    (tmp_path / "x.csv").write_text(mark.join("ab") + "\n" + mark.join("12") + "\n")
    [page] = read("files", {"folder": tmp_path}, "x.csv", delimiter=mark)
    assert page.frame.to_dicts() == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    "reading", [{"delimiter": '"'}, {"delimiter": "\n"}, {"encoding": "rot13"}]
)
def test_a_way_of_writing_that_there_is_not_is_a_mistake(
    read: Read, tmp_path: Path, reading: dict[str, str]
) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(ConfigError, match=f"batch.read.{next(iter(reading))}"):
        read("files", {"folder": tmp_path}, "x.csv", **reading)


def test_a_sheet_named_twice_must_be_the_same(read: Read, workbook: Path) -> None:
    with pytest.raises(ConfigError, match="another sheet"):
        read("files", {"folder": workbook}, "qc.xlsx#Results", sheet="Cover")


def test_json_lines_keep_numbers_as_written_and_every_column(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "x.jsonl").write_text(
        '{"lot": "A", "cd3": 1.50, "site": {"id": 7}}\n\n'
        '{"lot": "B", "ok": true, "l": [1]}'
    )
    [page] = read("files", {"folder": tmp_path}, "x.jsonl")
    assert page.refs.to_list() == ["line 1", "line 3"]
    assert page.frame.to_dicts() == [
        {"lot": "A", "cd3": "1.50", "site.id": "7", "ok": None, "l": None},
        {"lot": "B", "cd3": None, "site.id": None, "ok": "true", "l": '["1"]'},
    ]


def test_parquet_values_are_text_without_noise(read: Read, tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "n": [12.0, 0.1, 1.5e-7],
            "d": [Decimal("1.500"), None, Decimal("100.000")],
            "day": [date(2024, 3, 1)] * 3,
            "at": [datetime(2024, 3, 1, 13, 45, 10)] * 3,
            "ok": [True, False, None],
            "t": ["", " ", "x"],
        }
    ).with_columns(utc=pl.col("at").dt.replace_time_zone("UTC")).write_parquet(
        tmp_path / "x.parquet"
    )
    [page] = read("files", {"folder": tmp_path}, "x.parquet")
    assert set(page.frame.dtypes) == {pl.String}
    assert page.frame["n"].to_list() == ["12", "0.1", "1.5e-7"]
    assert page.frame["d"].to_list() == ["1.5", None, "100"]
    assert page.frame["ok"].to_list() == ["true", "false", None]
    assert page.frame["t"].to_list() == [None, " ", "x"]
    assert page.frame.row(0)[2:4] == ("2024-03-01", "2024-03-01T13:45:10")
    assert page.frame["utc"][0] == "2024-03-01T13:45:10+00:00"
    assert page.refs.to_list() == ["row 1", "row 2", "row 3"]
