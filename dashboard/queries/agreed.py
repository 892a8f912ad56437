"""The thresholds that the network has agreed, as they stand at this moment.

A snapshot holds numerators and denominators; what counts as a failure is read from
`network.toml` when somebody asks, so that a threshold changes without another run.
Where that file is not on this machine, those of the last run hold.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from dashboard.queries.snapshot import current
from etl.network import NETWORK_FILE
from etl.settings_network import NetworkFile


def thresholds() -> Mapping[str, float]:
    """By rule, the share of rows that may break it; a rule that is not there has none.

    A file with a mistake changes nothing until the mistake is mended.
    """
    snapshot = current()
    written = snapshot.path.parents[2] / NETWORK_FILE
    try:
        found = _read(written, written.stat().st_mtime_ns)
    except OSError:
        found = None
    if found is not None:
        return found
    checks = snapshot.rules.get("checks", {})
    return {rule: float(str(share)) for rule, share in checks.items()}


def agreed_when() -> int:
    """When the file was written last that the thresholds are read from; 0 without."""
    try:
        return (current().path.parents[2] / NETWORK_FILE).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Mapping[str, float] | None:
    """The thresholds of a file, read again only when it has changed."""
    try:
        file = NetworkFile.model_validate(tomllib.loads(path.read_text()))
    except (ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    return {each.rule: each.threshold for each in file.check}
