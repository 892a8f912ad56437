import logging
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from connectors import Extract, Page, Source, SourceError, open_keys, open_source
from connectors.standins import RedcapProject, serve
from tests.connectors.made_up import TOKEN
from tests.connectors.scripted import Scripted, answer

Read = Callable[..., list[Page]]

SINCE = "2026-11-10T11:00:00+00:00"
CHANGED = "2026-11-10 10:30:00"


def lots(rows: int) -> pl.DataFrame:
    numbers = pl.int_range(1, rows + 1, eager=True).cast(pl.String)
    return pl.DataFrame({"record_id": numbers, "lot": "L-" + numbers, "state": "a"})


def project(frame: pl.DataFrame, **more: Any) -> RedcapProject:
    return RedcapProject(TOKEN, "record_id", {"lots": frame}, **more)


def options(address: str) -> dict[str, object]:
    return {
        "url": f"{address}/lims/api/",
        "token": TOKEN,
        "requests_per_minute": 60_000,
    }


def refs(pages: list[Page]) -> list[str]:
    return [ref for page in pages for ref in page.refs]


def test_three_changed_one_new_one_deleted_of_ten_thousand(read: Read) -> None:
    touched = pl.col("record_id").is_in(["7", "5000", "9999"])
    after = lots(10_001).with_columns(
        state=pl.when(touched).then(pl.lit("b")).otherwise("state")
    )
    there = project(
        after.filter(pl.col("record_id") != "42"),
        changed=dict.fromkeys(["7", "5000", "9999", "10001"], CHANGED),
        deleted={"42": CHANGED, "43": CHANGED, "41": "2026-11-01 10:00:00"},
    )
    with serve({"lims": there}) as address:
        pages = read("redcap", options(address), "lots", since=SINCE)
        keys = open_keys(Source("alpha", "main", "redcap", options(address)))
        assert keys is not None
        listed = [r for some in keys(Extract("batch", "lots", {})) for r in some]
    read_rows = [p.frame.select("record_id", "lot", "state") for p in pages]
    rows = {row for frame in read_rows for row in frame.rows()}
    assert rows == {
        ("7", "L-7", "b"),
        ("5000", "L-5000", "b"),
        ("9999", "L-9999", "b"),
        ("10001", "L-10001", "a"),
        ("43", "L-43", "a"),
    }
    # 43 was deleted and its name used again; 41 was deleted long before.
    assert [ref for page in pages for ref in page.gone] == ["record 42"]
    assert set(listed) == {f"record {n}" for n in range(1, 10_002) if n != 42}


def test_every_record_is_read_once_and_a_broken_read_goes_on() -> None:
    with serve({"lims": project(lots(2000))}) as address:
        read = open_source(Source("alpha", "main", "redcap", options(address)))
        broken = read(Extract("batch", "lots", {}), None)
        got = [next(broken), next(broken)]
    assert got[-1].resume is not None
    fewer = lots(2001).filter(~pl.col("record_id").is_in(["1000", "1700"]))
    with serve({"lims": project(fewer)}) as address:
        read = open_source(Source("alpha", "main", "redcap", options(address)))
        rest = list(read(Extract("batch", "lots", {}), got[-1].resume))
    found = refs([*got, *rest])
    assert found == [f"record {n}" for n in range(1, 2002) if n != 1700]
    assert rest[-1].watermark == got[0].watermark


def test_a_server_that_breaks_down_is_asked_for_fewer_until_it_can(read: Read) -> None:
    with serve({"lims": project(lots(1100), memory=60)}) as address:
        pages = read("redcap", options(address), "lots")
    assert refs(pages) == [f"record {n}" for n in range(1, 1101)]
    heights = [page.frame.height for page in pages]
    assert max(heights) <= 60
    assert len(heights) < 60


def test_one_record_that_is_too_much_ends_the_read(read: Read) -> None:
    with (
        serve({"lims": project(lots(3), memory=0)}) as address,
        pytest.raises(
            SourceError, match="cannot give even one record alone: REDCap br"
        ),
    ):
        read("redcap", options(address), "lots")


@pytest.mark.parametrize("status", [413, 504])
def test_what_is_too_large_for_a_proxy_is_asked_in_parts(
    read: Read, scripted: Scripted, status: int
) -> None:
    metadata = '[{"field_name": "id", "form_name": "f", "field_type": "text"}]'
    names = '[{"original_field_name": "id", "export_field_name": "id"}]'
    both = '[{"id": "1"}, {"id": "2"}]'
    failing = [answer("too large", status)] * (1 if status == 413 else 3)
    scripted.will(
        *(answer(said) for said in (metadata, names, both)),
        *failing,
        answer('[{"id": "1"}]'),
        answer('[{"id": "2"}]'),
    )
    pages = read("redcap", options(scripted.url), "f")
    assert refs(pages) == ["record 1", "record 2"]


def test_without_the_right_to_the_log_changes_come_and_it_is_said(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    there = project(
        lots(5), changed={"3": CHANGED}, deleted={"9": CHANGED}, sees_log=False
    )
    with serve({"lims": there}) as address, caplog.at_level(logging.WARNING):
        [page] = read("redcap", options(address), "lots", since=SINCE)
    assert page.refs.to_list() == ["record 3"]
    assert page.gone == ()
    assert "may not see the project's logging" in caplog.text
    assert "weekly comparison; ask for the right 'Logging'" in caplog.text
    assert TOKEN not in caplog.text


def test_a_deletion_alone_is_told(read: Read) -> None:
    there = project(lots(5), deleted={"9": CHANGED})
    with serve({"lims": there}) as address:
        [page] = read("redcap", options(address), "lots", since=SINCE)
    assert page.gone == ("record 9",)
    assert page.frame.columns == ["record_id", "lot", "state"]
    assert page.frame.is_empty()


def test_a_record_whose_rows_on_the_form_were_emptied_is_gone_there(read: Read) -> None:
    results = pl.DataFrame({"record_id": ["1"], "value": ["97"]})
    there = RedcapProject(
        TOKEN,
        "record_id",
        {"lots": lots(2), "results": results},
        repeating=frozenset({"results"}),
        changed={"1": CHANGED, "2": CHANGED},
    )
    with serve({"lims": there}) as address:
        [page] = read("redcap", options(address), "results", since=SINCE)
        [whole] = read("redcap", options(address), "results")
    assert page.refs.to_list() == ["record 1, instance 1"]
    assert page.gone == ("record 2",)
    assert whole.gone == ()


def test_a_limiter_is_waited_for_and_then_said(read: Read) -> None:
    with (
        serve({"lims": project(lots(5), per_minute=2)}) as address,
        pytest.raises(SourceError, match="answered 429; it asks for patience"),
    ):
        read("redcap", options(address), "lots")
