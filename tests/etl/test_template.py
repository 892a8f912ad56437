import tomllib
from datetime import date
from pathlib import Path

import fastexcel
import polars as pl
import pytest

from connectors import ConfigError
from etl.check import Known, check_rows
from etl.contract.schemas import SCHEMAS, SENT
from etl.contract.vocabulary import VOCABULARIES
from etl.mapping import sender_column
from etl.proposal import propose
from etl.proposal_source import file_samples
from etl.reading import Reading
from etl.template import HEADER_ROW, fields, template_text, write_template
from etl.template_words import EXAMPLES
from tests.etl.filled import fill

TODAY = date(2026, 11, 16)
PRODUCTS = ("car-t-cd19", "msc-bm")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.xlsx"
    write_template(path, PRODUCTS)
    return path


def test_there_is_a_sheet_for_every_dataset_that_a_site_sends(template: Path) -> None:
    names = fastexcel.read_excel(template).sheet_names
    assert tuple(names) == (*SENT, "lists")


@pytest.mark.parametrize("dataset", SENT)
def test_a_sheet_has_every_column_but_the_one_that_pocnet_fills(dataset: str) -> None:
    ours = {each.name for each in fields(dataset)}
    assert set(SCHEMAS[dataset].columns()) - ours == {sender_column(dataset, set())}


@pytest.mark.parametrize("dataset", SENT)
def test_the_example_of_a_sheet_is_a_row_that_passes_every_check(dataset: str) -> None:
    row = dict(EXAMPLES[dataset])
    sender = sender_column(dataset, set())
    frame = pl.DataFrame([{**row, str(sender): "alpha"}]).with_columns(
        _origin=pl.lit("x"), _ref=pl.lit("row 5")
    )
    known = Known(frozenset(["alpha"]), frozenset(PRODUCTS))
    checked = check_rows(frame, dataset, Reading("alpha", [], TODAY), known)
    assert checked.rejects.is_empty(), checked.rejects.rows(named=True)
    assert checked.good.height == 1


@pytest.mark.parametrize("dataset", SENT)
def test_words_of_a_vocabulary_are_drop_downs(dataset: str) -> None:
    for each in fields(dataset, PRODUCTS):
        metadata = SCHEMAS[dataset].columns()[each.name].metadata or {}
        if vocabulary := metadata.get("vocabulary"):
            assert each.words == VOCABULARIES[vocabulary]
        if each.name == "product":
            assert set(PRODUCTS) <= set(each.words)


def test_long_lists_are_kept_on_a_hidden_sheet_and_dates_are_dates(
    template: Path,
) -> None:
    book = fastexcel.read_excel(template)
    assert book.load_sheet("lists", header_row=None).visible == "hidden"
    assert book.load_sheet("batch", header_row=HEADER_ROW - 1).visible == "visible"


def test_an_empty_template_is_proposed_whole_at_full_confidence(template: Path) -> None:
    tables = [propose(sample, TODAY) for sample in file_samples(template, [])]
    assert [table.datasets for table in tables] == [(name,) for name in SENT]
    for table in tables:
        assert table.read["header_row"] == HEADER_ROW
        for guess in table.guesses:
            assert guess.meaning is not None and guess.confidence == 1.0
            assert (guess.meaning.column, guess.doubt) == (guess.column, "")


def test_a_filled_template_is_proposed_at_full_confidence_too(tmp_path: Path) -> None:
    path = tmp_path / "filled.xlsx"
    write_template(path, PRODUCTS)
    row = {"batch": "B-1", "gate": "final", "decision": "released"}
    fill(path, {"release": [{**row, "decided": "2026-03-04"}]})
    tables = [propose(sample, TODAY) for sample in file_samples(path, [])]
    release = next(table for table in tables if table.datasets == ("release",))
    assert all(guess.sure for guess in release.guesses)


def test_the_file_that_reads_the_template_is_what_would_be_proposed(
    template: Path,
) -> None:
    written = tomllib.loads(template_text("alpha", template, template.parent))
    assert [entry["name"] for entry in written["dataset"]] == list(SENT)
    for entry in written["dataset"]:
        assert entry["read"] == {"header_row": HEADER_ROW}
        assert all(column == ours for ours, column in entry["columns"].items())


def test_a_template_never_overwrites(template: Path) -> None:
    with pytest.raises(ConfigError, match="left as it is"):
        write_template(template)
