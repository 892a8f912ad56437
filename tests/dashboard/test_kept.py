import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from dashboard.kept import Kept


def test_a_page_is_found_by_all_that_it_was_made_of(tmp_path: Path) -> None:
    one, other = Kept(tmp_path), Kept(tmp_path)
    one.put(("a", 1, "/x"), b"page")
    assert other.get(("a", 1, "/x")) == b"page"
    for else_ in (("a", 2, "/x"), ("a", "1", "/x"), ("a", 1, "/x", ""), ("a1", "/x")):
        assert other.get(else_) is None


def test_one_alone_makes_a_page_and_whoever_dies_lets_go(tmp_path: Path) -> None:
    one, other = Kept(tmp_path), Kept(tmp_path)
    with one.alone(("page",)) as first, other.alone(("page",)) as second:
        assert (first, second) == (True, False)
        with other.alone(("another",)) as third:
            assert third
    at = one._at(("page",)).with_suffix(".making")
    dies = "import fcntl, os, sys; f = open(sys.argv[1], 'wb');"
    dies += "fcntl.flock(f, fcntl.LOCK_EX); os._exit(0)"
    subprocess.run([sys.executable, "-c", dies, str(at)], check=True)
    with other.alone(("page",)) as free:
        assert free


def test_the_newest_are_kept_within_so_many_bytes(tmp_path: Path) -> None:
    kept = Kept(tmp_path, most=10_000)
    for number in range(128):
        kept.put((number,), bytes(1000))
        os.utime(kept._at((number,)), ns=(number, time.time_ns() + number))
    assert kept.get((127,)) is not None
    assert kept.get((0,)) is None
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 10_000


def test_a_folder_that_is_gone_or_full_takes_no_page_away(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "gone")
    kept.put(("page",), b"page")
    assert kept.get(("page",)) is None
    with kept.alone(("page",)) as alone:
        assert alone


def test_others_on_this_machine_cannot_read_it() -> None:
    assert Kept()._folder.stat().st_mode & 0o077 == 0


def test_pages_of_a_run_that_is_shown_no_longer_are_taken_away(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for run in ("1", "2"):
        kept.put((run, "a page"), b"of " + run.encode())
    kept.keep_of(["2"])
    assert kept.get(("1", "a page")) is None
    assert kept.get(("2", "a page")) == b"of 2"
    assert len([*tmp_path.iterdir()]) == 1


def test_who_keeps_nothing_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = Kept()
    assert not [*tmp_path.iterdir()]
    kept.put(("1", "a page"), b"said")
    assert kept.get(("1", "a page")) == b"said"
