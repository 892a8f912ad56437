from collections.abc import Callable, Iterator

import polars as pl
import pytest

from connectors import Page, SourceError
from connectors.standins import RedcapProject, serve
from tests.connectors.made_up import TOKEN, sites
from tests.connectors.scripted import Scripted, answer

Read = Callable[..., list[Page]]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serve(sites()) as address:
        yield address


def options(url: str) -> dict[str, object]:
    return {"url": url, "token": TOKEN, "requests_per_minute": 6000}


def test_a_form_gives_its_own_rows_only(read: Read, base: str) -> None:
    [page] = read("redcap", options(f"{base}/plain/api/"), "lotes")
    assert page.origin == "REDCap form lotes"
    assert page.refs.to_list() == ["record 101", "record 102"]
    assert page.frame["lote"].to_list() == ["L-1", "L-2"]
    assert page.frame["cd3"].to_list() == ["97.5", "98"]
    assert page.frame["marcas___1"].to_list() == ["1", "0"]
    assert set(page.frame.dtypes) == {pl.String}
    assert page.watermark is not None


def test_a_repeating_form_gives_one_row_a_repetition(read: Read, base: str) -> None:
    [page] = read("redcap", options(f"{base}/plain/api/"), "resultados")
    assert page.refs.to_list() == [
        "record 101, instance 1",
        "record 101, instance 2",
        "record 103, instance 1",
    ]
    assert page.frame["valor"].to_list() == ["<0,3", "98", "nd"]
    assert "lote" not in page.frame.columns


def test_one_event_or_all_of_a_longitudinal_project(read: Read, base: str) -> None:
    where = options(f"{base}/visits/api/")
    [page] = read("redcap", where, "control", event="final_arm_1")
    assert page.frame["estado"].to_list() == ["b", "c"]
    assert page.refs.to_list() == ["record 101", "record 102"]
    assert page.origin == "REDCap form control, event final_arm_1"
    [page] = read("redcap", where, "control")
    assert page.refs.to_list() == [
        "record 101, event inicio_arm_1",
        "record 101, event final_arm_1",
        "record 102, event final_arm_1",
    ]
    with pytest.raises(SourceError, match='answered 400 and says.*"events"'):
        read("redcap", where, "control", event="nunca")


def test_many_records_are_asked_for_in_batches(read: Read) -> None:
    ids = [str(number) for number in range(1, 1202)]
    many = RedcapProject(
        TOKEN, "record_id", {"lotes": pl.DataFrame({"record_id": ids, "lote": ids})}
    )
    with serve({"many": many}) as address:
        pages = read("redcap", options(f"{address}/many/api/"), "lotes")
    assert [page.frame.height for page in pages] == [500, 500, 201]
    assert [lot for page in pages for lot in page.frame["lote"]] == ids


@pytest.mark.parametrize(
    ("since", "zone", "found"),
    [
        ("2026-11-10T11:29:59+00:00", "UTC", ["record 102"]),
        ("2026-11-10T11:31:00+00:00", "UTC", []),
        ("2026-11-10T16:29:59+00:00", "America/Bogota", ["record 102"]),
        ("2026-11-10T16:31:00+00:00", "America/Bogota", []),
    ],
)
def test_since_is_an_hour_early_in_the_servers_own_time(
    read: Read, base: str, since: str, zone: str, found: list[str]
) -> None:
    where = {**options(f"{base}/dated/api/"), "time_zone": zone}
    [page] = read("redcap", where, "lotes", since=since)
    assert page.refs.to_list() == found
    assert "lote" in page.frame.columns


def test_a_column_hidden_by_export_rights_is_an_error(read: Read, base: str) -> None:
    where = options(f"{base}/hidden/api/")
    with pytest.raises(SourceError, match="left out cd3 without a word"):
        read("redcap", where, "lotes")
    [page] = read("redcap", where, "lotes", fields=["lote"])
    assert page.frame.columns[:2] == ["record_id", "lote"]
    with pytest.raises(SourceError, match="left out record_id"):
        read("redcap", options(f"{base}/keyless/api/"), "lotes")


def test_a_form_or_field_that_is_gone_is_named(read: Read, base: str) -> None:
    where = options(f"{base}/plain/api/")
    with pytest.raises(
        SourceError, match="no form called 'lote'; did you mean 'lotes'"
    ):
        read("redcap", where, "lote")
    with pytest.raises(SourceError, match="no field on the form lotes called 'cd4'"):
        read("redcap", where, "lotes", fields=["cd4"])


def test_a_wrong_token_is_said_without_showing_it(read: Read, base: str) -> None:
    where = {**options(f"{base}/plain/api/"), "token": "F" * 32}
    with pytest.raises(SourceError) as caught:
        read("redcap", where, "lotes")
    said = str(caught.value)
    assert "answered 403 and says: You do not have permissions to use the API" in said
    assert "check the token" in said
    assert "FFFF" not in said


METADATA = answer('[{"field_name": "id", "form_name": "f", "field_type": "text"}]')
NAMES = answer(
    '[{"original_field_name": "id", "choice_value": "", "export_field_name": "id"}]'
)
CRASH = answer('{"error":"REDCap ran out of server memory"}', kind="text/html")
MIXED = answer('<b>Fatal error</b>\n{"error":"memory"}', kind="text/html")


def test_an_error_sent_as_200_is_asked_again(read: Read, scripted: Scripted) -> None:
    ids = answer('[{"id": "7"}]')
    scripted.will(METADATA, CRASH, MIXED, NAMES, CRASH, ids, ids)
    [page] = read("redcap", options(f"{scripted.url}/api/"), "f")
    assert page.refs.to_list() == ["record 7"]
    assert len(scripted.requests) == 7


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (CRASH, "error instead of records: REDCap ran out of server memory"),
        (MIXED, "sent a web page where data was expected"),
        (answer(""), "sent an empty answer"),
        (answer('[{"field_name": "id"'), "breaks off"),
        (answer("[]"), "lists no field at all"),
        (answer('"text"'), "other than a list of records"),
    ],
)
def test_an_answer_that_stays_unusable_is_an_error(
    read: Read, scripted: Scripted, body: bytes, words: str
) -> None:
    scripted.will(body)
    with pytest.raises(SourceError, match=words):
        read("redcap", options(f"{scripted.url}/api/"), "f")


def test_a_project_without_records_is_an_error_in_a_full_read(
    read: Read, scripted: Scripted
) -> None:
    scripted.will(METADATA, NAMES, answer("[]"))
    where = options(f"{scripted.url}/api/")
    with pytest.raises(SourceError, match="lists no record at all"):
        read("redcap", where, "f")
    scripted.will(METADATA, NAMES, answer("[]"))
    [page] = read("redcap", where, "f", since="2026-11-10T00:00:00Z")
    assert page.frame.columns == ["id"]
    assert page.frame.is_empty()


def test_records_that_are_listed_and_not_shown_are_an_error(
    read: Read, scripted: Scripted
) -> None:
    scripted.will(METADATA, NAMES, answer('[{"id": "7"}]'), answer("[]"))
    with pytest.raises(SourceError, match="shows none of them"):
        read("redcap", options(f"{scripted.url}/api/"), "f")
