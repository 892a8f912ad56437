"""How long a long audit trail takes to verify, and a deed to be put on record.

Run it: `python -m tests.bench.audit [DEEDS]`, a million unless said otherwise. It
prints figures and asserts nothing: a busy machine is no fault of the code.
"""

import sys
import tempfile
import time
from pathlib import Path

from dashboard.audit import Deed, Trail, verify
from dashboard.journal import Journal

KEY = b"0" * 64
ONE_BY_ONE = 2_000


def main(deeds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        journal = Journal(path, Trail(KEY))
        began = time.perf_counter()
        for number in range(ONE_BY_ONE):
            journal.record(deed(number))
        each = (time.perf_counter() - began) / ONE_BY_ONE
        print(f"put on record one by one: {each * 1000:.2f} ms a deed")
        _fill(journal, deeds - ONE_BY_ONE)
        began, worked = time.perf_counter(), time.process_time()
        verdict = verify(path, KEY)
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
        print(
            f"{verdict.deeds:,} deeds, {path.stat().st_size >> 20} MiB, verified in "
            f"{seconds:.1f} s ({cpu:.1f} s of CPU): {'whole' if verdict.whole else '!'}"
        )


def deed(number: int) -> Deed:
    return Deed(f"person {number % 40}", "view", f"/failures?site=alpha&n={number}")


def _fill(journal: Journal, deeds: int) -> None:
    """As many in one transaction: a year of them, in a minute."""
    assert journal.trail is not None
    with journal._writing() as connection:
        for number in range(deeds):
            journal.trail.add(connection, deed(number))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
