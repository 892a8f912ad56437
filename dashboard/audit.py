"""The audit trail: who did what, when and why, so that nobody changes it unseen.

Each deed is sealed with an HMAC-SHA-256 (RFC 2104) over the seal before it and its own
words: one that was edited, slipped in, taken out or moved no longer fits. A chain
cannot tell that its end was cut off; checkpoints can, which are kept where whoever
runs this machine cannot write (Schneier and Kelsey 1999, doi:10.1145/317087.317089).
The key proves nothing against somebody who can read it.
"""

import hmac
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from dashboard.secret_file import secret_in

Kind = Literal[
    "account",
    "correction",
    "export",
    "note",
    "proposal",
    "role",
    "rule",
    "scenario",
    "sign_in",
    "sign_in_refused",
    "sign_off",
    "sign_out",
    "specification",
    "token",
    "unblinding",
    "view",
]
TABLE: Final = """
CREATE TABLE IF NOT EXISTS deed (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    why TEXT NOT NULL,
    seal BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS deed_by_subject ON deed (kind, subject, seq);
CREATE TRIGGER IF NOT EXISTS deed_is_never_changed BEFORE UPDATE ON deed
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER IF NOT EXISTS deed_is_never_replaced BEFORE INSERT ON deed
WHEN EXISTS (SELECT 1 FROM deed WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER IF NOT EXISTS deed_is_never_deleted BEFORE DELETE ON deed
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
"""
EVERY: Final = 100
_WORDS: Final = ("at", "who", "kind", "subject", "old", "new", "why")
# Between the words of a deed as it is sealed: no word may hold it.
_BETWEEN: Final = "\x1f"
_NOTHING: Final = b"\0" * 32
_SHOWN: Final = 20


@dataclass(frozen=True)
class Deed:
    """What somebody did: to what, what stood there before and after, and why."""

    who: str
    kind: Kind
    subject: str = ""
    old: str = ""
    new: str = ""
    why: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """The trail as it stood at an instant: its length and its last seal."""

    at: str
    seq: int
    seal: str

    def __str__(self) -> str:
        return f"{self.at} {self.seq} {self.seal}"

    @classmethod
    def parse(cls, line: str) -> "Checkpoint":
        """The checkpoint of a line as `str` writes it; ValueError for anything else."""
        at, seq, seal = line.split()
        datetime.fromisoformat(at)
        if len(bytes.fromhex(seal)) != len(_NOTHING):
            raise ValueError("a seal has 64 digits")
        return cls(at, int(seq), seal)


@dataclass(frozen=True)
class Trail:
    """What deeds are sealed with, and where checkpoints are written besides."""

    key: bytes = field(repr=False)
    checkpoints: Path | None = None

    def add(self, connection: sqlite3.Connection, deed: Deed) -> Checkpoint:
        """Seal `deed` as the newest, inside the caller's transaction.

        That transaction must have begun as IMMEDIATE: it alone then knows the last
        seal, whatever other threads and processes write.
        """
        last = connection.execute(
            "SELECT seq, seal FROM deed ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        seq, before = last or (0, _NOTHING)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        words = (
            at,
            *(_plain(w) for w in (deed.who, deed.kind, deed.subject)),
            *(_plain(w) for w in (deed.old, deed.new, deed.why)),
        )
        said = _BETWEEN.join((str(seq + 1), *words)).encode()
        seal = hmac.digest(self.key, before + said, "sha256")
        connection.execute(
            f"INSERT INTO deed (seq, {', '.join(_WORDS)}, seal)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (seq + 1, *words, seal),
        )
        return Checkpoint(at, seq + 1, seal.hex())

    def remember(self, last: Checkpoint) -> None:
        """Write every hundredth deed's checkpoint to the file kept elsewhere."""
        if self.checkpoints is not None and last.seq % EVERY == 0:
            with self.checkpoints.open("a", encoding="ascii") as file:
                file.write(f"{last}\n")


@dataclass(frozen=True)
class Verdict:
    """Whether a trail is as it was written; `faults` says where it is not."""

    deeds: int
    last: Checkpoint | None
    checkpoints: int
    faults: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found to be changed, missing or cut off."""
        return not self.faults


def key_of(data: Path) -> bytes:
    """The key in `data/audit.key`, made when first asked for."""
    return secret_in(data / "audit.key").encode()


def verify(path: Path, key: bytes, known: Sequence[Checkpoint] = ()) -> Verdict:
    """Whether the trail in the journal `path` is the one that was written.

    Reads the file alone, so that a copy can be verified on another machine. `known`
    are checkpoints kept elsewhere; without one, a trail whose end was cut off cannot
    be told from a shorter one.
    """
    wanted = {each.seq for each in known}
    sealed = sealing(key)
    seals: dict[int, str] = {}
    faults: list[str] = []
    seq, seal, said = 0, _NOTHING, b""
    for number, said, found in _deeds(path):
        if number != seq + 1:
            faults.append(_missing(seq + 1, number - 1))
        if sealed(seal + said) != found:
            faults.append(
                f"deed {number} does not fit: it, or what stood before it, was "
                "changed, slipped in, taken out or moved"
            )
        seq, seal = number, found
        if number in wanted:
            seals[number] = found.hex()
    faults += [_against(each, seals, seq) for each in known if not _kept(each, seals)]
    at = said.decode(errors="replace").split(_BETWEEN)[1] if seq else ""
    last = Checkpoint(at, seq, seal.hex()) if seq else None
    return Verdict(seq, last, len(known), tuple(faults[:_SHOWN]))


def sealing(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA-256 under one key, for very many words: the seal of each.

    The key, which all have in common, is taken in once: `hmac.digest` takes it in anew
    each time.
    """
    keyed = hmac.new(key, digestmod="sha256")

    def sealed(said: bytes) -> bytes:
        seal = keyed.copy()
        seal.update(said)
        return seal.digest()

    return sealed


def read_checkpoints(path: Path) -> tuple[Checkpoint, ...]:
    """The checkpoints of a file, one a line; ValueError names a line that is none."""
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                found.append(Checkpoint.parse(line))
        except ValueError:
            raise ValueError(f"{path}, line {number} is no checkpoint") from None
    return tuple(found)


def _deeds(path: Path) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, the words as they were sealed, and the seal of every deed.

    SQLite puts the words together, which takes half the time that Python would.
    """
    said = f" || '{_BETWEEN}' || ".join(("seq", *_WORDS))
    sql = f"SELECT seq, CAST({said} AS BLOB), seal FROM deed ORDER BY seq"
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        yield from db.execute(sql)


def _plain(word: str) -> str:
    """A word without what stands between words, so that no two deeds read alike."""
    return word.replace(_BETWEEN, "\ufffd").replace("\0", "\ufffd")


def _missing(first: int, last: int) -> str:
    return f"deed {first} is missing" if first == last else _some(first, last)


def _some(first: int, last: int) -> str:
    return f"deeds {first} to {last} are missing"


def _kept(known: Checkpoint, seals: dict[int, str]) -> bool:
    return seals.get(known.seq) == known.seal


def _against(known: Checkpoint, seals: dict[int, str], last: int) -> str:
    if known.seq > last:
        return (
            f"cut off: on {known.at} there were {known.seq} deeds, now there are {last}"
        )
    return f"deed {known.seq} is another than on {known.at}: the trail was rewritten"
