from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from connectors import ConfigError, Extract, Page, Source, SourceError, open_keys
from connectors import open_source as opened
from connectors.standins import LabkeyFolder, serve
from tests.connectors.scripted import Scripted, answer

Read = Callable[..., list[Page]]

KEY = "apikey|0123456789abcdef"
BEGAN = datetime(2026, 1, 1)
CHANGED = datetime(2026, 11, 10, 10, 30)


def results(rows: int) -> pl.DataFrame:
    numbers = pl.int_range(1, rows + 1, eager=True)
    return pl.DataFrame(
        {
            "RowId": numbers,
            "Batch": ("B-" + (numbers % 97).cast(pl.String)),
            "Value": (numbers * 0.5).alias("Value"),
            "Mrn": ("M" + numbers.cast(pl.String)),
            "Modified": [BEGAN + timedelta(minutes=int(n)) for n in numbers],
        }
    )


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, LabkeyFolder]]:
    lab = LabkeyFolder(
        KEY, {"lists/Results": results(10_000), "lists/None": results(0)}
    )
    with serve({"lab": lab}) as address:
        yield f"{address}/lab", lab


@pytest.fixture
def folder(served: tuple[str, LabkeyFolder]) -> Iterator[LabkeyFolder]:
    lab = served[1]
    lab.queries["lists/Results"] = results(10_000)
    lab.hidden = frozenset()
    yield lab


@pytest.fixture
def where(served: tuple[str, LabkeyFolder]) -> dict[str, object]:
    return {
        "url": served[0],
        "folder": "Home/GMP",
        "api_key": KEY,
        "requests_per_minute": 6000,
    }


def joined(pages: list[Page]) -> pl.DataFrame:
    return pl.concat([page.frame for page in pages])


def test_every_row_is_read_once_and_as_it_stands(
    read: Read, where: dict[str, object], folder: LabkeyFolder
) -> None:
    pages = read("labkey", where, "lists/Results", modified="Modified", page_size=3000)
    assert [page.frame.height for page in pages] == [2999, 2999, 2999, 1003]
    frame = joined(pages)
    expected = folder.queries["lists/Results"].with_columns(
        pl.col("RowId", "Value").cast(pl.String),
        pl.col("Modified").dt.strftime("%Y-%m-%d %H:%M:%S%.3f"),
    )
    assert frame.rows() == expected.rows()
    assert frame.columns == expected.columns
    assert pages[0].refs[0] == "record 1"
    assert pages[0].origin == "LabKey lists/Results"
    assert pages[0].watermark is not None


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        ("UTC", "2026-11-10T10:34:00+00:00"),
        ("America/Bogota", "2026-11-10T15:34:00+00:00"),
    ],
)
def test_three_changed_one_new_one_gone_of_ten_thousand(
    read: Read, where: dict[str, object], folder: LabkeyFolder, zone: str, since: str
) -> None:
    frame = folder.queries["lists/Results"]
    touched = pl.col("RowId").is_in([7, 5000, 9999])
    changed = frame.with_columns(
        Value=pl.when(touched).then(-1.0).otherwise("Value"),
        Modified=pl.when(touched).then(pl.lit(CHANGED)).otherwise("Modified"),
    )
    new = results(10_001).tail(1).with_columns(Modified=pl.lit(CHANGED))
    folder.queries["lists/Results"] = pl.concat([changed, new]).filter(
        pl.col("RowId") != 42
    )
    there = {**where, "time_zone": zone}
    pages = read("labkey", there, "lists/Results", since=since, modified="Modified")
    rows = joined(pages).select("RowId", "Value").rows()
    assert rows == [
        ("7", "-1.0"),
        ("5000", "-1.0"),
        ("9999", "-1.0"),
        ("10001", "5000.5"),
    ]
    keys = open_keys(Source("alpha", "main", "labkey", there))
    assert keys is not None
    listed = {r for refs in keys(Extract("result", "lists/Results", {})) for r in refs}
    assert listed == {f"record {n}" for n in range(1, 10_002) if n != 42}


def test_a_broken_read_goes_on_after_its_last_key(
    read: Read, where: dict[str, object], folder: LabkeyFolder
) -> None:
    reading = {"modified": "Modified", "page_size": 3000}
    extract = Extract("result", "lists/Results", reading)
    source = opened(Source("alpha", "main", "labkey", where))
    broken = source(extract, None)
    got = [next(broken), next(broken)]
    frame = folder.queries["lists/Results"]
    folder.queries["lists/Results"] = frame.filter(~pl.col("RowId").is_in([5, 6500]))
    rest = list(source(extract, got[-1].resume))
    keys = [ref for page in [*got, *rest] for ref in page.refs]
    assert keys == [f"record {n}" for n in range(1, 10_001) if n != 6500]
    assert rest[-1].watermark == got[0].watermark
    assert list(source(extract, rest[-1].resume))[0].frame.is_empty()


def test_a_protected_column_is_missed(
    read: Read, where: dict[str, object], folder: LabkeyFolder
) -> None:
    folder.hidden = frozenset({"Value"})
    with pytest.raises(SourceError, match=r"does not show Value; check.*\(PHI\)"):
        read("labkey", where, "lists/Results", columns=["Batch", "Value"])
    mapped = Extract("result", "lists/Results", {}, columns=("Batch", "Value"))
    source = Source("alpha", "main", "labkey", where)
    with pytest.raises(SourceError, match="does not show Value"):
        list(opened(source)(mapped, None))
    folder.hidden = frozenset()
    [page, *_] = opened(source)(mapped, None)
    assert page.frame.columns == ["RowId", "Batch", "Value"]
    with pytest.raises(SourceError, match="does not show Changed"):
        read("labkey", where, "lists/Results", modified="Changed")


@pytest.mark.parametrize(
    ("more", "location", "words"),
    [
        (
            {"api_key": "wr0ng"},
            "lists/Results",
            "answered 401 and says: User does not have permission to perform this",
        ),
        ({}, "lists/Lost", "answered 404 and says: Couldn't find the query 'Results'"),
        ({"folder": "Home/No"}, "lists/Results", "a web page where data was expected"),
        ({}, "lists/None", "lists/None has no row at all; check the rights of the key"),
    ],
)
def test_what_went_wrong_is_said_without_the_key(
    read: Read,
    where: dict[str, object],
    folder: LabkeyFolder,
    more: dict[str, object],
    location: str,
    words: str,
) -> None:
    with pytest.raises(SourceError) as caught:
        read("labkey", {**where, **more}, location)
    assert words.replace("'Results'", "'Lost'") in str(caught.value)
    assert KEY not in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_an_empty_list_may_be_said_to_be_right(
    read: Read, where: dict[str, object]
) -> None:
    [page] = read("labkey", where, "lists/None", may_be_empty=True)
    assert page.frame.is_empty()
    assert page.watermark is None


def test_a_location_names_schema_and_query(
    read: Read, where: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match="batch.from: must name a schema and a query"):
        read("labkey", where, "Results")


def told(**more: Any) -> bytes:
    meta = '{"id": "RowId", "fields": [{"name": "RowId"}]}'
    body = {"metaData": meta, "rowCount": "9", "rows": '[{"RowId": 1}]', **more}
    return answer("{" + ", ".join(f'"{k}": {v}' for k, v in body.items()) + "}")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([told(metaData='{"fields": []}')], "has no primary key; name the column"),
        ([told(), told(rows='[{"RowId": null}]')], "has rows without RowId"),
        ([told()], "gives the same rows again and again"),
        ([answer('{"success": true}')], "answered without rows; check `url` and"),
        ([answer('{"exception": "locked"}', 500)], "answered 500 and says: locked"),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused(
    read: Read, scripted: Scripted, answers: list[bytes], words: str
) -> None:
    scripted.will(*answers)
    options = {"url": scripted.url, "folder": "Home", "api_key": KEY}
    with pytest.raises(SourceError, match=words):
        read("labkey", options, "lists/Results")


def test_an_older_server_gives_flat_rows(read: Read, scripted: Scripted) -> None:
    rows = '[{"RowId": 1, "Test": "CD3", "_labkeyurl_Test": "/x"}]'
    scripted.will(told(rowCount="1", rows=rows))
    options = {"url": scripted.url, "folder": "Home", "api_key": KEY}
    [page] = read("labkey", options, "lists/Results")
    assert page.frame.to_dicts() == [{"RowId": "1", "Test": "CD3"}]


def test_no_row_of_a_key_with_several_is_lost_between_answers(
    read: Read, where: dict[str, object], folder: LabkeyFolder
) -> None:
    pages = read("labkey", where, "lists/Results", key="Batch", page_size=3000)
    found = [n for page in pages for n in page.frame["RowId"]]
    assert sorted(found, key=int) == [str(n) for n in range(1, 10_001)]
