"""What a pull changed that an auditor asks about: rules, specifications, corrections.

No value is told, only how many rows of which site and dataset are others now.
"""

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Final

from dashboard.audit import Deed, Kind
from dashboard.audit_console import journal_of, operator
from dashboard.journal import Journal
from etl.difference import Change, differences
from etl.network import NETWORK_FILE, SITES_FOLDER
from etl.run import data_folder

_PIPELINE: Final = "pull"


def record_run(folder: Path, run: int) -> None:
    """Put on record what run `run` changed, and which settings are others since."""
    journal = journal_of(folder)
    for name in (NETWORK_FILE, *_site_files(folder)):
        _record_rules(folder, name, journal)
    if run < 2:
        return
    for change in differences(data_folder(folder) / "warehouse.duckdb", run - 1, run):
        if change.changed or change.closed:
            journal.record(_deed(change, run))


def _site_files(folder: Path) -> list[str]:
    found = sorted((folder / SITES_FOLDER).glob("*.toml"))
    return [f"{SITES_FOLDER}/{path.name}" for path in found]


def _record_rules(folder: Path, name: str, journal: Journal) -> None:
    """A deed where a settings file is another than when it was last put on record.

    The file itself is kept by whoever keeps the folder; its SHA-256 proves which it is.
    """
    now = sha256((folder / name).read_bytes()).hexdigest()
    before = journal.last("rule", name)
    if before != now:
        deed = Deed(operator(), "rule", name, before, now, "seen by a pull")
        journal.record(deed)


def _deed(change: Change, run: int) -> Deed:
    kind: Kind = "specification" if change.dataset == "criterion" else "correction"
    said = {k: v for k, v in asdict(change).items() if k not in ("site", "dataset")}
    subject = f"{change.site}/{change.dataset}"
    return Deed(_PIPELINE, kind, subject, f"run {run - 1}", json.dumps(said), "")
