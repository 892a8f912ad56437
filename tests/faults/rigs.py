"""Source systems to be spoiled: where each really listens, and what it truly holds."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psycopg

from connectors import Extract, Page, Source, SourceError, open_source
from connectors.standins import LabkeyFolder, RedcapProject, RestApi, serve
from tests.connectors.fhir_made_up import COLUMNS, observation, put, row
from tests.connectors.made_up import TOKEN
from tests.connectors.servers.mariadb import mariadb as a_mariadb
from tests.connectors.servers.mariadb import run
from tests.connectors.servers.moto import moto
from tests.connectors.servers.nginx import nginx
from tests.connectors.servers.postgresql import postgresql as a_postgresql
from tests.connectors.servers.sekmet import sekmet
from tests.connectors.servers.sshd import sshd
from tests.connectors.servers.webdav import rclone_webdav

RECORDS = 600
SECRET = "s3cret-of-the-tests"
Options = Callable[[str], dict[str, object]]


@dataclass(frozen=True)
class Rig:
    """A system that can be reached through a proxy.

    `options` gives the source's settings for an address, scheme and port included;
    `rows` is what a whole read must give, by ref. `first` is the connection that a
    fault meets. A system that `streams` does not ask again in the middle of a file: the
    read ends, and the next gives everything. One that is not `http` has `middle` bytes
    to be broken after.
    """

    kind: str
    target: tuple[str, int]
    options: Options
    location: str
    reading: Mapping[str, object]
    rows: Mapping[str, tuple[str | None, ...]]
    columns: tuple[str, ...]
    secrets: tuple[str, ...] = (SECRET,)
    http: bool = True
    first: int = 2
    streams: bool = False
    middle: int = 0

    def attempt(
        self, address: str, since: str | None
    ) -> tuple[list[Page], SourceError | None]:
        """The pages that could be read, and what ended the reading early."""
        source = Source("alpha", "main", self.kind, self.options(address))
        pages: list[Page] = []
        try:
            for page in open_source(source)(
                Extract("batch", self.location, self.reading), since
            ):
                pages.append(page)
        except SourceError as error:
            return pages, error
        return pages, None

    def read(self, pages: list[Page]) -> list[tuple[str, tuple[str | None, ...]]]:
        """Every row of the pages with its ref, in the order it came."""
        return [
            (ref, row)
            for page in pages
            if page.frame.height
            for ref, row in zip(
                page.refs, page.frame.select(self.columns).rows(), strict=True
            )
        ]


@dataclass(frozen=True)
class Lots:
    """The records that every system holds, in its own form."""

    count: int = RECORDS
    frame: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        number = pl.int_range(self.count, dtype=pl.Int64, eager=True)
        frame = pl.DataFrame(
            {
                "id": (number + 1).cast(pl.String),
                "lot": "L-" + (number + 1).cast(pl.String).str.zfill(5),
                "viability": (70 + number % 30).cast(pl.String),
            }
        )
        object.__setattr__(self, "frame", frame)

    def rows(
        self, columns: tuple[str, ...], ref: str = "record {}", first: int = 1
    ) -> dict[str, tuple[str | None, ...]]:
        """What a whole read gives; records are counted from `first`."""
        refs = [ref.format(number) for number in range(first, first + self.count)]
        return dict(zip(refs, self.frame.select(columns).rows(), strict=True))

    def left_in(self, folder: Path) -> None:
        """The file that a site drops."""
        self.frame.write_csv(folder / "lots.csv")


LOTS = Lots()
# Enough to be broken in the middle of, whatever is kept in buffers on the way.
MANY = Lots(40_000)
LINES = MANY.rows(("lot", "viability"), "line {}", 2)
WHAT = ("lot", "viability")


@contextmanager
def rest() -> Iterator[Rig]:
    api = RestApi(SECRET, {"/lots": LOTS.frame})
    with serve({"alpha": api}) as url:
        yield Rig(
            "rest",
            _target(url),
            lambda address: {"url": f"{address}/alpha", "api_key": SECRET,
                             "requests_per_minute": 100_000},
            "/lots",
            {"records": "items", "key": "id", "paging": "cursor",
             "next": "next_cursor", "page_size": 100},
            LOTS.rows(WHAT),
            WHAT,
        )  # fmt: skip


@contextmanager
def redcap() -> Iterator[Rig]:
    lots = LOTS.frame.rename({"id": "record_id"})
    project = RedcapProject(TOKEN, "record_id", {"lots": lots})
    with serve({"alpha": project}) as url:
        yield Rig(
            "redcap",
            _target(url),
            lambda address: {"url": f"{address}/alpha/api/", "token": TOKEN,
                             "requests_per_minute": 100_000},
            "lots",
            {},
            LOTS.rows(WHAT),
            WHAT,
            (TOKEN,),
        )  # fmt: skip


@contextmanager
def labkey() -> Iterator[Rig]:
    frame = LOTS.frame.rename({"id": "RowId"})
    folder = LabkeyFolder(SECRET, {"lists/Lots": frame})
    with serve({"alpha": folder}) as url:
        yield Rig(
            "labkey",
            _target(url),
            lambda address: {"url": f"{address}/alpha", "folder": "Home/GMP",
                             "api_key": SECRET, "requests_per_minute": 100_000},
            "lists/Lots",
            {"key": "RowId", "page_size": 100},
            LOTS.rows(WHAT),
            WHAT,
        )  # fmt: skip


@contextmanager
def fhir() -> Iterator[Rig]:
    results = [observation(number) for number in range(1, LOTS.count + 1)]
    with _folder() as home, sekmet(home) as base:
        put(base, results)
        yield Rig(
            "fhir",
            ("127.0.0.1", httpx.URL(base).port or 0),
            lambda address: {"url": f"{address}/fhir", "rewrite_next": True,
                             "requests_per_minute": 100_000},
            "Observation",
            {"page_size": 100},
            {f"record Observation/{each['id']}": row(each) for each in results},
            COLUMNS,
        )  # fmt: skip


@contextmanager
def webdav() -> Iterator[Rig]:
    with _folder() as home, rclone_webdav(home) as served:
        MANY.left_in(served.folder)
        yield _drop(served.program.port, served.options, "right-password")


@contextmanager
def s3() -> Iterator[Rig]:
    with _folder() as home, moto(home) as store:
        store.put("lots.csv", MANY.frame.write_csv().encode())
        given = store.options
        yield replace(
            _drop(store.program.port, given, "right-secret"),
            options=lambda address: {**given, "endpoint": address},
        )


def _drop(port: int, given: Mapping[str, Any], secret: str) -> Rig:
    return Rig(
        "files",
        ("127.0.0.1", port),
        lambda address: {**given, "address": address},
        "lots.csv",
        {},
        LINES,
        WHAT,
        (secret,),
        first=1,
        streams=True,
    )


@contextmanager
def https() -> Iterator[Rig]:
    with _folder() as home, nginx(home) as served:
        MANY.left_in(served.folder)
        given = served.options
        yield replace(
            _drop(served.program.port, given, "right-password"),
            options=lambda address: {
                **given, "address": f"{_port(address, 'https')}/json"
            },
            http=False,
            middle=200_000,
        )  # fmt: skip


@contextmanager
def sftp() -> Iterator[Rig]:
    with _folder() as home, sshd(home) as served:
        MANY.left_in(served.folder)
        given = served.options
        yield replace(
            _drop(served.program.port, given, str(given["private_key"])),
            options=lambda address: {
                **given, "address": f"{_port(address, 'sftp')}{served.folder}"
            },
            http=False,
            middle=200_000,
        )  # fmt: skip


@contextmanager
def postgresql() -> Iterator[Rig]:
    with a_postgresql() as given:
        login = {k: v for k, v in given.items() if k not in ("driver", "database")}
        with psycopg.connect(**login, dbname="postgres", autocommit=True) as owner:
            owner.execute("create table lots (id integer primary key, lot text,"
                          " viability text)")  # fmt: skip
            with owner.cursor().copy("copy lots from stdin") as copy:
                for row in MANY.frame.rows():
                    copy.write_row(row)
        yield _database(given)


@contextmanager
def mariadb() -> Iterator[Rig]:
    with a_mariadb() as given:
        values = ",".join(f"({i},'{lot}','{v}')" for i, lot, v in MANY.frame.rows())
        run(
            given["folder"],
            "create table lots (id int primary key, lot text, viability text);"
            f"insert into lots values {values};",
        )
        yield _database({k: v for k, v in given.items() if k != "folder"})


def _database(given: Mapping[str, Any]) -> Rig:
    return Rig(
        "sql",
        ("127.0.0.1", int(given["port"])),
        lambda address: {**given, "port": int(address.rpartition(":")[2])},
        "lots",
        {"key": "id"},
        MANY.rows(WHAT),
        WHAT,
        (str(given["password"]),),
        http=False,
        middle=200_000,
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pocnet-faults-") as name:
        yield Path(name)


def _port(address: str, scheme: str) -> str:
    return f"{scheme}://127.0.0.1:{address.rpartition(':')[2]}"


def _target(url: str) -> tuple[str, int]:
    return "127.0.0.1", int(url.rpartition(":")[2])
