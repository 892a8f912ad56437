"""Every way to a drop, each on a real server: all rows, changes, breaks."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import polars as pl
import pytest
import xlsxwriter

from connectors import Extract, Page, Source, SourceError, open_source
from tests.connectors.places import PLACES, Place, place

Read = Callable[..., list[Page]]


@pytest.fixture(params=[*PLACES, "s3"], scope="module")
def drop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    # A web server's own user must be able to reach what is in here.
    with place(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


def lots(rows: int) -> pl.DataFrame:
    number = pl.int_range(rows, eager=True).alias("number")
    return pl.select(
        lote=pl.format("L-{}", number),
        cd3=(number % 997 / 10).cast(pl.String),
        nota=pl.when(number % 5 == 0)
        .then(pl.lit('with, "marks"'))
        .when(number % 5 == 1)
        .then(pl.lit("två\nrader"))
        .otherwise(pl.lit(None)),
    )


def csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def lines(frame: pl.DataFrame) -> list[str]:
    """Where each row begins when every second line of a note is counted."""
    extra = frame["nota"].str.count_matches("\n").fill_null(0)
    begins = 2 + pl.int_range(frame.height, eager=True) + extra.cum_sum() - extra
    return [f"line {number}" for number in begins]


def joined(pages: list[Page]) -> tuple[list[tuple[str | None, ...]], list[str]]:
    return (
        pl.concat([page.frame for page in pages]).rows(),
        pl.concat([page.refs for page in pages]).to_list(),
    )


def test_all_rows_come_and_the_next_time_what_changed(read: Read, drop: Place) -> None:
    before = lots(10_000)
    drop.put("lots.csv", csv(before))
    assert joined(read("files", drop.options, "*.csv")) == (
        before.rows(),
        lines(before),
    )
    changed = pl.col("lote").is_in(["L-7", "L-5000", "L-9998"])
    new = pl.DataFrame({"lote": ["L-new"], "cd3": ["1.5"], "nota": [None]})
    after = pl.concat(
        [
            before.with_columns(
                cd3=pl.when(changed).then(pl.lit("<0,3")).otherwise("cd3")
            ),
            new.cast(pl.String),
        ]
    ).filter(pl.col("lote") != "L-4321")
    drop.put("lots.csv", csv(after))
    rows, refs = joined(read("files", drop.options, "*.csv"))
    assert (rows, refs) == (after.rows(), lines(after))
    assert len(set(rows) - set(before.rows())) == 4
    assert len(set(before.rows()) - set(rows)) == 4
    drop.remove("lots.csv")


def test_every_kind_of_file_is_read_also_from_folders_within(
    read: Read, drop: Place
) -> None:
    frame = pl.DataFrame({"lote": ["L-1", "L-2"], "cd3": ["97.5", None]})
    workbook = io.BytesIO()
    with xlsxwriter.Workbook(workbook) as book:
        sheet = book.add_worksheet("QC")
        for number, row in enumerate([("lote", "cd3"), *frame.rows()]):
            sheet.write_row(number, 0, row)
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    files = {
        "2026/qc (1) ñ.xlsx": workbook.getvalue(),
        "2026/10/a#%20b.parquet": parquet.getvalue(),
        "2026/10/lots.jsonl": frame.write_ndjson().encode(),
        "2026/11/lots.tsv": frame.write_csv(separator="\t").encode(),
    }
    for name, content in files.items():
        drop.put(name, content)
    pages = read("files", drop.options, "20*/**/*.*")
    assert [page.origin.partition(",")[0] for page in pages] == sorted(files)
    assert [page.frame.rows() for page in pages] == [frame.rows()] * 4
    assert len(read("files", drop.options, "2026/11/*")) == 1
    for name in files:
        drop.remove(name)


def test_a_server_that_dies_in_mid_file_gives_one_error_and_then_every_row(
    drop: Place,
) -> None:
    wide = lots(150_000).with_columns(rest=pl.lit("x" * 300))
    drop.put("lots.csv", csv(wide))
    source = Source("alpha", "main", "files", drop.options)
    pages = open_source(source)(Extract("batch", "lots.csv", {}), None)
    next(pages)
    drop.program.kill()
    with pytest.raises(SourceError) as caught:
        list(pages)
    assert "pull again" in str(caught.value)
    assert "right" not in str(caught.value)
    drop.revive()
    drop.put("lots.csv", csv(wide))
    again = open_source(source)(Extract("batch", "lots.csv", {}), None)
    assert pl.concat([page.frame for page in again]).equals(wide)
    drop.remove("lots.csv")


WITHOUT_DISK = """
import json, pathlib, resource, sys
import asyncssh  # looks for libraries with a compiler when it is imported
from connectors import Extract, Source, _drop, open_source
_drop.QUIET = 0.0
def held():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) // 256
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
rows, most = {}, {}
for name in ("few.csv", "few.xlsx", "few.parquet", "few.jsonl", "many.csv"):
    read = open_source(Source("a", "m", "files", json.loads(sys.argv[1])))
    rows[name], most[name] = 0, 0
    for page in read(Extract("batch", name, {}), None):
        rows[name] += page.frame.height
        most[name] = max(most[name], held())
print(json.dumps([rows, most["many.csv"] - most["few.jsonl"]]))
"""


@pytest.mark.parametrize(
    "drop",
    ["sftp", "webdav-rclone", "https-json", "s3"],
    indirect=True,
    scope="module",
)
def test_nothing_that_is_read_touches_the_disk_or_fills_the_memory(drop: Place) -> None:
    few, many = lots(10), lots(600_000).with_columns(rest=pl.lit("x" * 150))
    workbook, parquet = io.BytesIO(), io.BytesIO()
    few.write_excel(workbook)
    few.write_parquet(parquet)
    drop.put("few.csv", csv(few))
    drop.put("few.xlsx", workbook.getvalue())
    drop.put("few.parquet", parquet.getvalue())
    drop.put("few.jsonl", few.write_ndjson().encode())
    drop.put("many.csv", csv(many))
    options = json.dumps(drop.options)
    done = subprocess.run(
        # A write to any file of any disk would end the program.
        [sys.executable, "-B", "-c", WITHOUT_DISK, options],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows, grown = json.loads(done.stdout)
    assert rows == dict.fromkeys(rows, 10) | {"many.csv": 600_000}
    assert grown < 200
