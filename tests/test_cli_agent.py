import json
import re
import stat
from pathlib import Path

import pytest

from tests.etl.agents import AT_SITE, site_folder
from tests.etl.drops import drop, edit
from tests.etl.sending import PUBLIC, hub, packed
from tests.test_cli import pocnet


@pytest.fixture
def carried(tmp_path: Path) -> Path:
    return tmp_path / "carried"


@pytest.fixture
def site(tmp_path: Path, carried: Path) -> Path:
    return site_folder(tmp_path / "site", to=str(carried))


def test_keys_writes_one_half_and_prints_the_other(tmp_path: Path) -> None:
    file = tmp_path / "alpha.key"
    done = pocnet("keys", file)
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert re.fullmatch(r'public_key = "[0-9a-f]{64}"', line)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    private = file.read_text()
    assert private not in done.stdout + done.stderr
    again = pocnet("keys", file)
    assert (again.returncode, file.read_text()) == (2, private)


def test_a_package_goes_by_hand_from_the_site_to_the_hub_and_the_answer_back(
    tmp_path: Path, site: Path, carried: Path
) -> None:
    key = tmp_path / "alpha.key"
    made = pocnet("keys", key).stdout.strip()
    network = hub(tmp_path / "hub")
    for folder in (site, network):
        edit(folder, "alpha", f'public_key = "{PUBLIC}"', made)
    environ = {**AT_SITE, "POCNET_SIGNING_KEY_ALPHA": ""}
    environ["POCNET_SIGNING_KEY_ALPHA_FILE"] = str(key)

    sent = pocnet("agent", site, "--site", "alpha", **environ)
    assert (sent.returncode, sent.stdout) == (
        0,
        "3 bundles wait for the hub's answer.\n",
    )
    received = pocnet("receive", carried, "--dir", network)
    assert received.returncode == 0, received.stderr
    assert "5 records gave 5 rows: 4 good" in received.stdout
    assert "line 6: started: read '32/10/2026'" in received.stdout
    answered = pocnet("agent", site, "--site", "alpha", "--json", **environ)
    said = json.loads(answered.stdout)
    assert [receipt["accepted"] for receipt in said["receipts"]] == [True] * 3
    pulled = json.loads(pocnet("pull", network, "--json").stdout)
    alpha = {d["dataset"] for d in pulled["datasets"] if d["site"] == "alpha"}
    assert alpha == {"batch", "release", "declared"}


def test_a_dry_run_shows_every_field_and_writes_and_sends_nothing(
    site: Path, carried: Path
) -> None:
    secret = "Batch,Start,Harvest,End,Path,Patient\n"
    line = "HN-{n},03/08/2026,13/08/2026,01/09/2026,EC,María García {n}\n"
    rows = [line.format(n=n) for n in range(1, 6)]
    drop(site, "alpha", {"batches.csv": secret + "".join(rows)})
    before = sorted(site.rglob("*"))
    done = pocnet("agent", site, "--site", "alpha", "--dry-run", **AT_SITE)
    assert done.returncode == 0, done.stderr
    assert sorted(site.rglob("*")) == before
    assert not carried.exists()
    said = done.stdout
    assert re.search(r'batch +│ column "Batch" +│ pseudonym with key k1', said)
    assert re.search(r'started +│ column "Start" +│ plain, past the gate', said)
    assert re.search(r"pathway +│ column .Path. through codes", said)
    assert re.search(r"product +│ constant car-t-cd19", said)
    assert "stays here, not mapped: Patient" in said
    for number in (1, 2, 3):
        assert f'row {number}: {{"site": "alpha", "batch": "k1-' in said
    assert 'row 4: {"site": "alpha", "batch"' not in said
    assert "García" not in said and "HN-" not in said
    assert f"it would go to {carried}" in said


def test_a_package_that_is_refused_is_named_and_the_others_come_in(
    tmp_path: Path,
) -> None:
    network, drop_folder = hub(tmp_path / "hub"), tmp_path / "drop"
    drop_folder.mkdir()
    packed(drop_folder)
    other = packed(drop_folder, claim={"network": "Other"})
    done = pocnet("receive", drop_folder, "--dir", network)
    assert done.returncode == 3
    assert "accepted" in done.stdout
    assert str(other) in done.stderr and "Other" in done.stderr
    alone = pocnet("receive", other, "--dir", network, "--json")
    assert alone.returncode == 1
    assert json.loads(alone.stdout)[0]["receipt"] is None
