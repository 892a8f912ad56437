import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from shutil import copy

import pytest

from connectors import ConfigError
from dashboard import connecting
from dashboard.connecting import Asked, propose
from etl.network import check_network
from tests.etl.drops import NETWORK, write_network
from tests.etl.filled import fill
from tests.test_cli import environment, pocnet

MESSY = Path(__file__).parent / "etl" / "messy"
KEYS = {"POCNET_KEY_HOSPITAL_SUR": "a long random text", "POCNET_KEY_NORTE": "another"}
PRODUCTS = """
[[product]]
product = "ari0002h"
title = "BCMA CAR-T"
product_class = "car_t"
source = "autologous"
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network folder without a site, and a drop with a hospital's own list."""
    folder = tmp_path / "n"
    (folder / "sites").mkdir(parents=True)
    (folder / "network.toml").write_text(NETWORK + PRODUCTS)
    drop = folder / "drops" / "sur"
    drop.mkdir(parents=True)
    there = copy(MESSY / "es_lotes_car_t.csv", drop / "lotes.csv")
    os.utime(there, (1_700_000_000, 1_700_000_000))
    return folder


def filled_in(text: str) -> str:
    """A proposal as a person leaves it who fills in what is marked, and no more."""
    said = {
        '# name = ""': 'name = "Hospital Sur"',
        '# country = ""': 'country = "ES"',
        '# "CART19" = ""': '"CART19" = "car-t-cd19"',
        '# "ARI0002h" = ""': '"ARI0002h" = "ari0002h"',
    }
    for marked, filled in said.items():
        text = text.replace(marked, filled)
    return text


def test_a_site_is_connected_by_map_check_doctor_and_pull(network: Path) -> None:
    site = network / "sites" / "hospital-sur.toml"
    done = pocnet("map", network / "drops/sur/lotes.csv", network, "--out", site)
    assert done.returncode == 0, done.stderr
    before = check_network(network, KEYS)
    assert any('"name" is missing' in str(problem) for problem in before)

    site.write_text(filled_in(site.read_text()))
    assert check_network(network, KEYS) == []

    examined = pocnet("doctor", "hospital-sur", network, "--json", **KEYS)
    assert examined.returncode == 0, examined.stdout
    batch = json.loads(examined.stdout)["datasets"][0]
    assert (batch["dataset"], batch["records"], batch["rejected"]) == ("batch", 6, 0)
    unmapped = set(batch["unmapped"])
    assert {"NHC", "Nombre y apellidos", "F. nac.", "Observaciones"} <= unmapped

    pulled = pocnet("pull", network, "--json", **KEYS)
    assert pulled.returncode == 0, pulled.stderr
    counts = {d["dataset"]: d for d in json.loads(pulled.stdout)["datasets"]}
    assert counts["batch"]["good"] == 6
    assert counts["release"]["good"] == 8
    assert counts["material"]["good"] == 6
    assert counts["result"]["good"] >= 30
    assert all(d["read"] == d["good"] + d["rejected"] for d in counts.values())


def test_nothing_that_tells_of_a_person_is_printed(
    network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(network / "drops/sur/lotes.csv")
    for as_json in (False, True):
        propose(Asked(path, network, None, None, None), None, as_json)
        told = "".join(capsys.readouterr())
        assert '"NHC" looks like' in told
        for word in ("Fernández", "Ortega", "1198273", "12/04/1961", "19/06/1972"):
            assert word not in told


def test_map_proposes_for_a_site_through_its_own_source(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POCNET_KEY_TEST", "a key of the tests")
    folder = write_network(tmp_path / "n", ("alpha",))
    for path in (folder / "drops" / "alpha").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    propose(Asked("alpha", folder, None, None, None), None, as_json=True)
    said = json.loads(capsys.readouterr().out)
    tables = {table["from"]: table for table in said["tables"]}
    assert set(tables) == {"batches.csv", "releases.csv", "declared.csv"}
    assert tables["releases.csv"]["datasets"] == ["release"]
    propose(Asked("alpha", folder, None, None, "releases.csv"), None, as_json=False)
    text = capsys.readouterr().out
    (entry,) = tomllib.loads(text)["dataset"]
    assert (entry["name"], entry["columns"]["batch"]) == ("release", "Batch")
    # A column that is only called Day may be any day of the batch's life.
    assert "decided" not in entry["columns"]
    assert '# decided = { constant = "" }  # FILL IN' in text


def test_what_cannot_be_mapped_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_network(tmp_path / "n", ("alpha",))
    monkeypatch.setenv("POCNET_KEY_TEST", "a key of the tests")
    (tmp_path / "one.csv").write_text("only\n1\n")
    for asked, why in (
        (Asked("batches.csv", tmp_path, None, None, None), "There is no file"),
        (Asked("alpha", folder, "batsh", None, None), 'Did you mean "batch"?'),
        (Asked("alfa", folder, None, None, None), 'Did you mean "alpha"?'),
        (Asked("alpha", folder, None, "lims", None), "known: main"),
        (Asked(str(tmp_path / "one.csv"), folder, None, None, None), "no columns"),
    ):
        with pytest.raises(ConfigError, match=re.escape(why)):
            propose(asked, None, as_json=False)
    out = folder / "sites" / "alpha.toml"
    kept = out.read_text()
    twice = pocnet("map", folder / "drops/alpha/batches.csv", "--out", out)
    assert (twice.returncode, "already there" in twice.stderr) == (2, True)
    assert out.read_text() == kept


def test_a_site_with_nothing_fills_in_the_template_and_is_pulled(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "n"
    (folder / "sites").mkdir(parents=True)
    (folder / "network.toml").write_text(NETWORK)
    workbook = folder / "drops" / "norte" / "norte.xlsx"
    made = pocnet("template", folder, "--out", workbook, "--site", "norte")
    assert made.returncode == 0, made.stderr
    written = filled_in(made.stdout)
    (folder / "sites" / "norte.toml").write_text(written)
    assert check_network(folder, KEYS) == []

    result = {"batch": "B-1", "parameter": "viability", "stage": "final_product"}
    fill(
        workbook,
        {
            "batch": [
                {
                    "batch": "B-1",
                    "product": "car-t-cd19",
                    "pathway": "hospital_exemption",
                    "started": "2026-08-03",
                    "cells_final": 212000000,
                },
                {
                    "batch": "B-2",
                    "product": "car-t-cd19",
                    "pathway": "clinical_trial",
                    "started": "03/08/2026",
                },
            ],
            "result": [{**result, "value": "<0,3", "unit": "%", "population": "cd3"}],
        },
    )
    os.utime(workbook, (1_700_000_000, 1_700_000_000))
    pulled = pocnet("pull", folder, "--json", **KEYS)
    assert pulled.returncode == 0, pulled.stderr
    counts = {
        d["dataset"]: (d["read"], d["good"], d["rejected"])
        for d in json.loads(pulled.stdout)["datasets"]
    }
    # The examples are no data, and a date in another order is refused with its reason.
    assert counts["batch"] == (2, 1, 1)
    assert counts["result"] == (1, 1, 0)
    assert {n for n, count in counts.items() if count[0]} == {"batch", "result"}


def test_a_template_is_written_once(tmp_path: Path) -> None:
    workbook = tmp_path / "t.xlsx"
    connecting.template(workbook, tmp_path, None)
    again = pocnet("template", tmp_path, "--out", workbook)
    assert (again.returncode, "left as it is" in again.stderr) == (2, True)
    with pytest.raises(ConfigError, match="is no slug"):
        connecting.template(tmp_path / "u.xlsx", tmp_path, "Norte Ä")


def test_doctor_ends_with_one_where_a_dataset_cannot_be_read(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n", ("alpha",))
    (folder / "drops" / "alpha" / "releases.csv").unlink()
    done = pocnet("doctor", "alpha", folder)
    assert done.returncode == 1
    assert "What to do next:" in done.stdout
    assert "Cannot be read: no file matches" in done.stdout


@pytest.mark.parametrize("command", ["map", "doctor", "template"])
def test_help_of_these_commands_imports_neither_polars_nor_pydantic(
    command: str,
) -> None:
    code = (
        "import sys, os\n"
        "os._exit = lambda code: print(code, sorted(\n"
        "    {'polars', 'pydantic', 'rapidfuzz', 'xlsxwriter'} & set(sys.modules)))\n"
        f"sys.argv = ['pocnet', '{command}', '--help']\n"
        "from dashboard.cli import main; main()"
    )
    run = [sys.executable, "-c", code]
    said = subprocess.run(run, capture_output=True, text=True, env=environment())
    assert said.stdout.splitlines()[-1] == "0 []"
    assert re.search(rf"Usage: pocnet {command}", said.stdout)


def test_map_looks_at_a_table_of_a_database_where_it_is_told_which(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POCNET_KEY_TEST", "a key of the tests")
    folder = write_network(tmp_path / "n", ("alpha",))
    with closing(sqlite3.connect(tmp_path / "lims.sqlite")) as base, base:
        base.execute("CREATE TABLE lots (lot_no TEXT, mfg_start TEXT, viab_pct REAL)")
        base.execute("INSERT INTO lots VALUES ('A-1', '23/02/2026', 94.2)")
    site = folder / "sites" / "alpha.toml"
    head = site.read_text().partition("[[dataset]]")[0].replace('"dmy"', '"mdy"')
    lims = f'[source.lims]\nkind = "sql"\nfile = "{tmp_path / "lims.sqlite"}"\n'
    site.write_text(head.replace("[style]", f"{lims}[style]"))
    with pytest.raises(ConfigError, match="Name it with --from"):
        propose(Asked("alpha", folder, None, "lims", None), None, as_json=False)
    propose(Asked("alpha", folder, None, "lims", "lots"), None, as_json=False)
    batch, result = tomllib.loads(capsys.readouterr().out)["dataset"]
    assert (batch["source"], batch["from"]) == ("lims", "lots")
    # Its [style] says otherwise, so the column says how it is written.
    assert batch["columns"]["started"] == {"column": "mfg_start", "dates": "dmy"}
    assert result["each"][0]["columns"]["value"] == "viab_pct"
