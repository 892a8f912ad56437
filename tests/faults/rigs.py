"""Source systems to be spoiled: where each really listens, and what it truly holds."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from connectors import Extract, Page, Source, SourceError, open_source
from connectors.standins import RedcapProject, RestApi, serve
from tests.connectors.made_up import TOKEN

RECORDS = 600
SECRET = "s3cret-of-the-tests"
Options = Callable[[str], dict[str, object]]


@dataclass(frozen=True)
class Rig:
    """A system that can be reached through a proxy.

    `options` gives the source's settings for an address, scheme and port included;
    `rows` is what a whole read must give, by ref.
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

    def rows(self, columns: tuple[str, ...]) -> dict[str, tuple[str | None, ...]]:
        refs = ("record " + self.frame["id"]).to_list()
        return dict(zip(refs, self.frame.select(columns).rows(), strict=True))


LOTS = Lots()
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


def _target(url: str) -> tuple[str, int]:
    return "127.0.0.1", int(url.rpartition(":")[2])
