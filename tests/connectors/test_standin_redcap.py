from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from connectors.standins import serve
from tests.connectors.made_up import TOKEN, sites

redcap = pytest.importorskip("redcap", reason="needs the package pycap")
redcaplite = pytest.importorskip("redcaplite", reason="needs the package redcaplite")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serve(sites()) as address:
        yield address


def test_the_stand_in_satisfies_a_real_client(base: str) -> None:
    client = redcap.Project(f"{base}/plain/api/", TOKEN)
    assert client.def_field == "record_id"
    assert set(client.forms) == {"lotes", "resultados"}
    assert str(client.export_version()) == "16.1.3"
    assert not client.is_longitudinal
    assert client.export_repeating_instruments_events()[0]["form_name"] == "resultados"
    rows = client.export_records(records=["101"])
    assert [row["redcap_repeat_instance"] for row in rows] == ["", "1", "2"]
    assert [row["valor"] for row in rows] == ["", "<0,3", "98"]
    assert rows[0]["marcas___1"] == "1"
    assert rows[1]["marcas___1"] == ""
    names = client.export_field_names(field="marcas")
    assert [name["export_field_name"] for name in names] == ["marcas___1", "marcas___2"]
    assert "101,L-1,97.5" in client.export_records(
        format_type="csv", forms=["lotes"], fields=["record_id"]
    ).replace(",,,", ",")


def test_the_stand_in_is_longitudinal_for_a_real_client(base: str) -> None:
    client = redcap.Project(f"{base}/visits/api/", TOKEN)
    assert client.is_longitudinal
    rows = client.export_records(events=["final_arm_1"], forms=["control"])
    assert [row["estado"] for row in rows] == ["b", "c"]
    assert {row["unique_event_name"] for row in client.export_events()} == {
        "inicio_arm_1",
        "final_arm_1",
    }


def test_the_stand_in_refuses_a_real_client_with_a_wrong_token(base: str) -> None:
    client = redcap.Project(f"{base}/plain/api/", "F" * 32)
    with pytest.raises(redcap.RedcapError, match="You do not have permissions"):
        client.export_records()


def test_the_stand_in_answers_what_changed_to_a_real_client(base: str) -> None:
    client = redcap.Project(f"{base}/dated/api/", TOKEN)
    changed = client.export_records(date_begin=datetime(2026, 11, 10))
    assert {row["record_id"] for row in changed} == {"102"}
    [entry] = client.export_logging()
    assert entry["action"] == "Update record 102"


def lite(base: str, name: str, token: str = TOKEN) -> Any:
    return redcaplite.RedcapClient(f"{base}/{name}/api/", token)


def test_the_stand_in_satisfies_a_second_real_client(base: str) -> None:
    client = lite(base, "plain")
    assert set(client.get_metadata()["form_name"]) == {"lotes", "resultados"}
    rows = client.export_records(records=["101"])
    assert rows["redcap_repeat_instance"].fillna(0).to_list() == [0, 1, 2]
    assert rows["valor"].to_list()[1] == "<0,3"
    assert rows["marcas___1"].to_list()[0] == 1
    hidden = lite(base, "hidden").export_records()
    assert "cd3" not in hidden.columns
    assert "lote" in hidden.columns


def test_the_stand_in_refuses_a_second_real_client_with_a_wrong_token(
    base: str,
) -> None:
    with pytest.raises(
        Exception, match="Forbidden: You do not have permissions to use"
    ):
        lite(base, "plain", "F" * 32).export_records()


def test_both_real_clients_read_what_was_deleted_from_the_log(base: str) -> None:
    [entry] = redcap.Project(f"{base}/deleted/api/", TOKEN).export_logging(
        log_type="record_delete"
    )
    assert entry["action"] == "Delete record 9"
    log = lite(base, "deleted").get_logs(format="json", logtype="record_delete")
    assert [said["record"] for said in log] == ["9"]


def test_both_real_clients_are_refused_a_log_they_may_not_see(base: str) -> None:
    with pytest.raises(redcap.RedcapError, match="'Logging' privileges"):
        redcap.Project(f"{base}/unlogged/api/", TOKEN).export_logging()
    with pytest.raises(Exception, match="Bad Request: .*'Logging' privileges"):
        lite(base, "unlogged").get_logs()


def test_a_crash_sent_as_200_puts_both_real_clients_out(base: str) -> None:
    with pytest.raises(ValueError):
        redcap.Project(f"{base}/crashing/api/", TOKEN).export_records(
            records=["101", "102"]
        )
    with pytest.raises(ValueError):
        lite(base, "crashing").export_records(records=["101", "102"], format="json")
