import hmac
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dashboard import audit
from dashboard.audit import Checkpoint, Deed, Trail, key_of, read_checkpoints, verify
from dashboard.journal import Journal
from tests.serving import ROOT

KEY = b"what only the auditor knows"
Tamper = Callable[[sqlite3.Connection], object]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "data" / "journal.sqlite", Trail(KEY))


def written(journal: Journal, deeds: int) -> None:
    for number in range(deeds):
        journal.record(Deed("maria", "view", f"/site/{number}"))


def tampered(journal: Journal, *how: Tamper) -> audit.Verdict:
    """What verifying says after somebody with the file has had their way with it."""
    with closing(sqlite3.connect(journal.path)) as file, file:
        for name in ("changed", "deleted", "replaced"):
            file.execute(f"DROP TRIGGER deed_is_never_{name}")
        for change in how:
            change(file)
    return verify(journal.path, KEY)


def doing(sql: str) -> Tamper:
    return lambda file: file.execute(sql)


def test_a_trail_as_it_was_written_is_whole(journal: Journal) -> None:
    written(journal, 30)
    verdict = verify(journal.path, KEY)
    assert (verdict.deeds, verdict.faults, verdict.whole) == (30, (), True)


def test_an_entry_and_the_deed_of_writing_it_are_kept_together(
    journal: Journal,
) -> None:
    journal.of("maria").write(
        "lead", "rebase", "alpha", {"from": "2025-03"}, "new line"
    )
    ((_, _, who, kind, subject, old, new, why),) = journal.deeds(9)
    assert (who, kind, subject, old) == ("maria", "rule", "alpha", "")
    assert (new, why) == ('{"from": "2025-03"}', "new line")
    with pytest.raises(sqlite3.IntegrityError):
        journal.write("", "note", "alpha", {}, "")
    assert len(journal.deeds(9)) == len(journal.read()) == 1


@pytest.mark.parametrize(
    "column", ["at", "who", "kind", "subject", "old", "new", "why"]
)
def test_an_edited_deed_is_found_whatever_was_edited(
    journal: Journal, column: str
) -> None:
    written(journal, 9)
    change = doing(f"UPDATE deed SET {column} = {column} || 'x' WHERE seq = 5")
    assert tampered(journal, change).faults[0].startswith("deed 5 does not fit")


def test_a_word_moved_from_one_column_to_the_next_is_found(journal: Journal) -> None:
    journal.record(Deed("maria", "note", "ab", "c"))
    change = doing("UPDATE deed SET subject = 'a', old = 'bc'")
    assert not tampered(journal, change).whole


def test_a_deleted_deed_is_found(journal: Journal) -> None:
    written(journal, 9)
    faults = tampered(journal, doing("DELETE FROM deed WHERE seq = 4")).faults
    assert faults[0] == "deed 4 is missing"


def test_a_deleted_deed_is_found_where_the_others_are_numbered_anew(
    journal: Journal,
) -> None:
    written(journal, 9)
    gone = doing("DELETE FROM deed WHERE seq = 4")
    closed_up = doing("UPDATE deed SET seq = seq - 1 WHERE seq > 4")
    assert tampered(journal, gone, closed_up).faults[0].startswith("deed 4 does not")


def test_an_inserted_deed_is_found(journal: Journal) -> None:
    written(journal, 9)
    room = [doing(f"UPDATE deed SET seq = {n + 1} WHERE seq = {n}") for n in (9, 8, 7)]
    slip = doing(
        "INSERT INTO deed SELECT 7, at, 'nobody', kind, subject, old, new, why, seal"
        " FROM deed WHERE seq = 6"
    )
    assert tampered(journal, *room, slip).faults[0].startswith("deed 7 does not fit")


def test_two_deeds_in_each_others_place_are_found(journal: Journal) -> None:
    written(journal, 9)
    swap = [
        doing(f"UPDATE deed SET seq = {to} WHERE seq = {now}")
        for now, to in ((3, 99), (4, 3), (99, 4))
    ]
    assert not tampered(journal, *swap).whole


def test_an_end_that_was_cut_off_is_found_by_a_checkpoint(journal: Journal) -> None:
    written(journal, 9)
    kept = verify(journal.path, KEY).last
    assert kept is not None
    assert tampered(journal, doing("DELETE FROM deed WHERE seq > 6")).whole
    (fault,) = verify(journal.path, KEY, [kept]).faults
    assert fault.startswith("cut off: on ")
    assert fault.endswith("there were 9 deeds, now there are 6")


def test_a_trail_rewritten_by_who_has_the_key_is_found_by_a_checkpoint(
    journal: Journal, tmp_path: Path
) -> None:
    written(journal, 9)
    kept = verify(journal.path, KEY).last
    assert kept is not None
    other = Journal(tmp_path / "other.sqlite", Trail(KEY))
    written(other, 12)
    assert verify(other.path, KEY).whole
    assert "was rewritten" in verify(other.path, KEY, [kept]).faults[0]


def test_the_trail_of_another_key_fits_nowhere(journal: Journal) -> None:
    written(journal, 3)
    assert not verify(journal.path, b"another").whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deed SET why = ''",
        "DELETE FROM deed",
        "REPLACE INTO deed VALUES (1, '', '', '', '', '', '', '', x'00')",
    ],
)
def test_the_file_itself_refuses_a_change(journal: Journal, statement: str) -> None:
    written(journal, 1)
    refused = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with closing(sqlite3.connect(journal.path)) as file, refused:
        file.execute(statement)


def test_every_hundredth_deed_leaves_a_checkpoint_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.txt"
    journal = Journal(tmp_path / "journal.sqlite", Trail(KEY, elsewhere))
    written(journal, 205)
    kept = read_checkpoints(elsewhere)
    assert [each.seq for each in kept] == [100, 200]
    assert verify(journal.path, KEY, kept).whole


@pytest.mark.parametrize("line", ["1", "today 1 ff", "2026-11-30 1 ff", "{}"])
def test_a_line_that_is_no_checkpoint_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "checkpoints"
    good = Checkpoint("2026-11-30T10:00:00.000+00:00", 100, "ab" * 32)
    path.write_text(f"{good}\n{line}\n")
    with pytest.raises(ValueError, match="line 2 is no checkpoint"):
        read_checkpoints(path)


def test_processes_that_write_at_the_same_time_make_one_chain(journal: Journal) -> None:
    writers = [writing(journal.path, 40) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    verdict = verify(journal.path, KEY)
    assert (verdict.deeds, verdict.whole) == (120, True)


def test_a_writer_killed_at_any_moment_leaves_a_whole_chain(journal: Journal) -> None:
    moments, told = random.Random(8), 0
    for _ in range(6):
        with writing(journal.path, 100_000) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(moments.uniform(0, 0.1))
            writer.send_signal(signal.SIGKILL)
            told = max([told, *map(int, writer.stdout.read().split())])
        verdict = verify(journal.path, KEY)
        assert verdict.whole
        # What the writer was told is kept, it still is.
        assert verdict.deeds >= told


def writing(path: Path, deeds: int) -> subprocess.Popen[str]:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from dashboard.audit import Deed, Trail\n"
        "from dashboard.journal import Journal\n"
        f"journal = Journal(Path(sys.argv[1]), Trail({KEY!r}))\n"
        "for _ in range(int(sys.argv[2])):\n"
        "    journal.record(Deed('w', 'view'))\n"
        "    print(journal.deeds(1)[0][0], flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(path), str(deeds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 65, 200])
@pytest.mark.parametrize("said", [b"", b"a deed", b"x" * 500])
def test_seals_are_hmacs_of_any_key(length: int, said: bytes) -> None:
    key = random.Random(length).randbytes(length)
    sealed = audit.sealing(key)
    assert [sealed(said), sealed(said)] == [hmac.digest(key, said, "sha256")] * 2


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = key_of(tmp_path)
    assert len(first) == 64
    assert key_of(tmp_path) == first
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["audit.key"]
    assert first.decode() not in repr(Trail(first))
