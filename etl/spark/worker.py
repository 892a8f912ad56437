"""What a task needs of the machine it runs on, and how it says that it lacks it."""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path

import connectors
import etl
from connectors import PocnetError

_CODE = {".py", ".sql", ".toml", ".csv"}


@cache
def code() -> str:
    """A fingerprint of the code that figures come from, whatever it is called."""
    digest = hashlib.sha256()
    for package in (connectors, etl):
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*")):
            if path.suffix in _CODE:
                digest.update(str(path.relative_to(folder)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def assert_alike(wanted: str) -> None:
    """PocnetError where this machine has other code than the one that asks."""
    if code() != wanted:
        raise PocnetError(
            f"The worker on {socket.gethostname()} has another version of pocnet than "
            "this machine, so their figures might differ. Install the same one on all."
        )


def assert_reads(archive: Path) -> None:
    """PocnetError where this machine does not see the archive."""
    if not (archive / "manifests").is_dir():
        raise PocnetError(
            f"The worker on {socket.gethostname()} cannot read the archive {archive}. "
            "Every worker must see it under the same path, as on a shared disk."
        )


def scratch() -> str | None:
    """The folder that Spark clears when the executor ends; None outside of Spark."""
    return os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or None
