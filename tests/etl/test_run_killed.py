import json
import os
import random
import time
from pathlib import Path

import pytest

from tests.etl.kills import Killer, Series, process
from tests.etl.watching import looked

# Where the slow tier tells how far it has come, if anybody wants to know.
REPORT = os.environ.get("POCNET_TEST_KILLS")


def note(said: str) -> None:
    if REPORT:
        with Path(REPORT).open("a") as report:
            report.write(f"{time.strftime('%H:%M:%S')} {said}\n")


def kill(place: Path, kills: int, seed: int) -> Series:
    """So many kills while somebody reads; what each reader saw was whole and known."""
    with process("-W", "ignore", "-m", "tests.etl.kills") as worker:
        series = Series(place, Killer(worker), random.Random(seed), note)
        before, after = series.begin()
        known = [looked(folder) for folder in (before, after)]
        with process("-m", "tests.etl.watching", str(series.now)) as reader:
            assert reader.stdout and reader.stdout.readline() == "watching\n"
            series.go(kills)
            said, _ = reader.communicate("", timeout=60)
    assert reader.returncode == 0
    watched = json.loads(said)
    assert watched["looks"] > kills
    for site, found in watched["seen"].items():
        assert {*found} == {state[site] for state in known}, site
    return series


def test_25_killed_runs_lose_nothing_and_the_next_one_finishes_them(
    tmp_path: Path,
) -> None:
    series = kill(tmp_path, 25, seed=11)
    assert series.unlike == []
    assert len(series.hit) >= 4, series.hit


@pytest.mark.slow
def test_500_killed_runs_lose_nothing_and_the_next_one_finishes_them(
    tmp_path: Path,
) -> None:
    series = kill(tmp_path, 500, seed=12)
    note(str(dict(series.hit)))
    assert series.unlike == []
    assert sum(series.hit.values()) >= 500
    for stage in ("asking", "archiving", "storing", "publishing"):
        assert any(stage in hit for hit in series.hit), series.hit
