from pathlib import Path

import polars as pl
import pytest

from connectors.standins import RedcapProject, serve
from etl.collect import Window
from etl.network import load_network
from etl.run import pull
from tests.etl.drops import BATCHES, ENVIRON, drop, edit
from tests.etl.pulling import HEADER, known, pulled, rows

FULL = Window(full=True)


def _no_workbook(folder: Path) -> None:
    drop(folder, "beta", {"batches.xlsx": b"this is no workbook"})
    edit(folder, "beta", 'from = "batches*.csv"', 'from = "batches.xlsx"')


def _no_header(folder: Path) -> None:
    drop(folder, "beta", {"batches.csv": b""})


def _no_rows(folder: Path) -> None:
    drop(folder, "beta", {"batches.csv": HEADER})


def _no_column(folder: Path) -> None:
    text = BATCHES.format(slug="beta").replace("Harvest", "Cosecha")
    drop(folder, "beta", {"batches.csv": text})


def _no_file(folder: Path) -> None:
    (folder / "drops" / "beta" / "batches.csv").unlink()


def _no_row_right(folder: Path) -> None:
    text = BATCHES.format(slug="beta").replace("/2026", "/twenty-six")
    drop(folder, "beta", {"batches.csv": text})


def _nobody_listening(folder: Path) -> None:
    edit(folder, "beta", 'kind = "files"', 'kind = "rest"')
    edit(folder, "beta", 'folder = "../drops/beta"', 'url = "http://127.0.0.1:9"')
    edit(folder, "beta", '"batches*.csv"', '"/batches"')
    settings = folder / "sites" / "beta.toml"
    first, second, *_ = settings.read_text().split("[[dataset]]")
    settings.write_text(f"{first}[[dataset]]{second}")


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (_no_workbook, "batches.xlsx"),
        (_no_header, "batches.csv"),
        (_no_rows, "answered with nothing"),
        (_no_column, "Harvest"),
        (_no_file, "batches*.csv"),
        (_no_row_right, "Every row of `batch` was refused"),
        (_nobody_listening, "127.0.0.1"),
    ],
)
def test_what_breaks_at_one_site_is_said_once_and_loses_nothing(
    folder: Path, breaks: object, said: str
) -> None:
    assert callable(breaks)
    breaks(folder)
    new = BATCHES.format(slug="alpha") + "alpha-005,01/11/2026,,,HE\n"
    drop(folder, "alpha", {"batches.csv": new})
    result = pulled(folder, window=FULL)
    (failure,) = result.failures
    assert (failure.site, failure.source) == ("beta", "main")
    assert said in failure.message and "\n" not in failure.message
    assert known(result) == {"alpha": 4, "beta": 3, "gamma": 3}
    assert rows(result.snapshot, "source_error", "site, message") == [
        ("beta", failure.message)
    ]
    assert rows(result.snapshot, "run", "run, state")[-1] == (2, "partial")


REDCAP = """
kind = "redcap"
url = "{url}/beta/api/"
token = {{ env = "POCNET_TOKEN_TEST" }}
"""


def test_a_wrong_password_is_said_once_and_loses_nothing(folder: Path) -> None:
    forms = {
        "batches": pl.DataFrame(
            {
                "record_id": ["1"],
                "Batch": ["b-1"],
                "Start": ["03/08/2026"],
                "Harvest": [None],
                "End": [None],
                "Path": ["EC"],
            }
        ),  # fmt: skip
        "releases": pl.DataFrame(
            {
                "record_id": ["1"],
                "Batch": ["b-1"],
                "Decision": ["rejected"],
                "Day": ["20/08/2026"],
            }
        ),  # fmt: skip
        "declared": pl.DataFrame(
            {
                "record_id": ["1"],
                "Dataset": ["batch"],
                "Month": ["2026-08"],
                "Rows": ["1"],
            }
        ),  # fmt: skip
    }
    token = "0123456789ABCDEF0123456789ABCDEF"
    with serve({"beta": RedcapProject(token, "record_id", forms)}) as url:
        old = 'kind = "files"\nfolder = "../drops/beta"\n'
        edit(folder, "beta", old, REDCAP.format(url=url))
        for form in ("batches*", "releases", "declared"):
            edit(folder, "beta", f'"{form}.csv"', f'"{form.rstrip("*")}"')
        right = {**ENVIRON, "POCNET_TOKEN_TEST": token}
        first = pull(load_network(folder, right))
        assert first.failures == ()
        wrong = {**ENVIRON, "POCNET_TOKEN_TEST": token[::-1]}
        second = pull(load_network(folder, wrong))
    (failure,) = second.failures
    assert failure.site == "beta" and "token" in failure.message
    assert token[::-1] not in failure.message
    assert known(second) == known(first) == {"alpha": 3, "beta": 1, "gamma": 3}


def test_a_faulty_dataset_does_not_stop_the_sites_other_datasets(folder: Path) -> None:
    _no_column(folder)
    result = pulled(folder, "beta")
    sent = {c.dataset for c in result.datasets if c.site == "beta"}
    assert sent == {"release", "declared"}


def test_half_a_dataset_is_not_taken_for_a_deletion(folder: Path) -> None:
    more = '[[dataset]]\nname = "batch"\nfrom = "old.csv"\ncolumns = { batch = "Lot", '
    more += (
        'product = { constant = "car-t-cd19" }, pathway = { constant = "marketing" } }'
    )
    edit(folder, "beta", '[[dataset]]\nname = "release"',
         f'{more}\n[[dataset]]\nname = "release"')  # fmt: skip
    drop(folder, "beta", {"old.csv": "Lot\nbeta-old-1\nbeta-old-2\n"})
    assert known(pulled(folder, "beta"))["beta"] == 5
    (folder / "drops" / "beta" / "old.csv").unlink()
    assert known(pulled(folder, "beta"))["beta"] == 5
    drop(folder, "beta", {"old.csv": "Lot\nbeta-old-1\n"})
    assert known(pulled(folder, "beta"))["beta"] == 4
