"""What each run leaves in the archive, so that no warehouse is needed to know of it.

Bundles say what the sites said. A record says what only the hub knew: which run this
was and when, which bundles it was the first to see, which sources did not answer, and
what the hub itself wrote of its sites, products and reports. It is written once the
run stands in the warehouse, from the warehouse alone: a run that was killed before is
none, and one that was killed before its record was whole gets the very same record
from the next run.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Final

from pydantic import BaseModel, ConfigDict

from connectors import PocnetError
from etl.bundle import Archive
from etl.contract.schemas import KEYS
from etl.contract.version import assert_known, said_by
from etl.history import OWN, names
from etl.ledger import Failure
from etl.store import HUB, Warehouse

HUB_WRITES: Final = ("site", "product", "report")
RECORD_NAME: Final = re.compile(r"runs/([0-9]{8})-([0-9a-f]{64})\.json")


class RunRecord(BaseModel):
    """One finished run; `hub` names a table of the archive for each of its datasets.

    `bundles` are pairs of site and name. What a withdrawal has replaced since stands
    under the name that it had then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract: str
    run: int
    started_at: datetime
    finished_at: datetime
    state: str
    bundles: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, str, str], ...]
    hub: Mapping[str, str]

    @property
    def said(self) -> list[Failure]:
        """What failing sources answered in this run."""
        return [Failure(*each) for each in self.failures]

    def to_bytes(self) -> bytes:
        """The record as it lies in the archive."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    @property
    def name(self) -> str:
        """Its number, by which records are in order, and the hash of its bytes."""
        return f"runs/{self.run:08}-{hashlib.sha256(self.to_bytes()).hexdigest()}.json"


def note_runs(warehouse: Warehouse, archive: Archive) -> None:
    """Leave a record of every run of the warehouse that has none yet."""
    known = warehouse.query("select run from run order by run")["run"].to_list()
    if not known:
        return
    noted = {run for run, _ in _listed(archive)}
    for run in sorted({*known} - noted):
        record = _record(warehouse, archive, run)
        archive.put_bytes(record.name, record.to_bytes())


def records(archive: Archive, after: int = 0) -> list[RunRecord]:
    """The runs that left a record, in order, of those with a higher number.

    Two hosts that share an archive may give one number at the same moment; theirs
    count as one run, which ends when the later of them did.
    """
    found = sorted(
        (record for _, record in recorded(archive, after)),
        key=lambda record: (record.run, record.finished_at, record.name),
    )
    groups = groupby(found, key=lambda record: record.run)
    return [_as_one([*same]) for _, same in groups]


def recorded(archive: Archive, after: int = 0) -> Iterator[tuple[str, RunRecord]]:
    """Every record of a run with a higher number, by its place in the archive."""
    for run, name in _listed(archive):
        if run > after:
            yield name, _read(archive, name)


def _listed(archive: Archive) -> Iterator[tuple[int, str]]:
    for name in archive.shelf.names("runs"):
        if found := RECORD_NAME.fullmatch(name):
            yield int(found[1]), name


def _read(archive: Archive, name: str) -> RunRecord:
    raw = archive.shelf.read(name)
    if not name.endswith(f"-{hashlib.sha256(raw).hexdigest()}.json"):
        raise PocnetError(
            f"{archive.shelf.place(name)} is damaged: its bytes do not match its name. "
            "Bring it back from a backup of the archive."
        )
    assert_known(said_by(raw), archive.shelf.place(name))
    return RunRecord.model_validate_json(raw)


def _as_one(same: list[RunRecord]) -> RunRecord:
    bundles = dict.fromkeys(pair for record in same for pair in record.bundles)
    failures = dict.fromkeys(each for record in same for each in record.failures)
    said = {"bundles": tuple(bundles), "failures": tuple(failures)}
    return same[-1].model_copy(update=said) if len(same) > 1 else same[0]


def _record(warehouse: Warehouse, archive: Archive, run: int) -> RunRecord:
    asked = {"run": run}
    (row,) = warehouse.query("from run where run = $run", asked).rows(named=True)
    brought = "select site, bundle from bundle where run = $run order by all"
    failed = "select site, source, message from source_error where run = $run"
    return RunRecord(
        contract=warehouse.version.contract,
        run=run,
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        state=row["state"],
        bundles=tuple(warehouse.query(brought, asked).rows()),
        failures=tuple(warehouse.query(failed, asked).rows()),
        hub={name: _hub_said(warehouse, archive, name, run) for name in HUB_WRITES},
    )


def _hub_said(warehouse: Warehouse, archive: Archive, dataset: str, run: int) -> str:
    """The table of what the hub itself said of a dataset, as it stood after a run.

    In the columns that the warehouse has, which may be an earlier version's.
    """
    stood = warehouse.query(
        f"select * exclude ({names(OWN)}) "
        f"from {warehouse.table(dataset)} where sender = '{HUB}' "
        "and opened_run <= $run and coalesce(closed_run > $run, true) "
        f"order by {names(KEYS[dataset])}",
        {"run": run},
    )
    return archive.put_table(stood.lazy())
