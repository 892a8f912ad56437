import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from shutil import copy
from tempfile import mkdtemp
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xlsxwriter import Workbook

from etl.contract.naming import column_names, words_said
from etl.contract.schemas import SCHEMAS
from etl.contract.vocabulary import VOCABULARIES
from etl.proposal import Guess, Table, propose
from etl.proposal_columns import Sample
from etl.proposal_names import header, likenesses
from etl.proposal_source import file_samples
from etl.proposal_toml import site_text, source_text

HERE = Path(__file__).parent / "messy"
TODAY = date(2026, 11, 16)
KEYS = sorted(HERE.glob("*.key.toml"))
HELD_OUT = {"de_nk_zellen", "it_produzione"}
WORKBOOKS = {"fr_registre": "write_register", "es_ocupacion": "write_capacity"}


@dataclass(frozen=True)
class Judged:
    """One column of one messy file: what was proposed, and what is right."""

    file: str
    guess: Guess
    proposed: str
    right: bool


@cache
def sample_of(name: str) -> Sample:
    """The table of a file: the first of its sheets."""
    problems: list[str] = []
    samples = list(file_samples(path_of(name), problems))
    assert samples and not problems, name
    return samples[0]


@cache
def messy(name: str) -> tuple[dict[str, Any], Table]:
    """The answers for a file, and what is proposed for it."""
    answers = tomllib.loads((HERE / f"{name}.key.toml").read_text())
    return answers, propose(sample_of(name), TODAY)


def path_of(name: str) -> Path:
    found = [p for p in HERE.glob(f"{name}.*") if p.suffix in (".csv", ".tsv")]
    if found:
        return found[0]
    path = Path(mkdtemp()) / f"{name}.xlsx"
    spec = spec_from_file_location("workbooks", HERE / "workbooks.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    getattr(module, WORKBOOKS[name])(path)
    return path


def said(guess: Guess) -> str:
    """What is proposed for a column, as the answers say it."""
    meaning = guess.meaning
    if meaning is None or not meaning.dataset:
        return "person" if meaning and meaning.person else ""
    words = [f"{meaning.dataset}.{meaning.column}"]
    words += [constant for _, constant in meaning.constants]
    words += [guess.unit] if guess.unit else []
    words += ["fraction"] * guess.manner.fraction
    words += [f"e{guess.manner.power}"] if guess.manner.power else []
    return " ".join(words)


def judged(name: str) -> Iterator[Judged]:
    answers, table = messy(name)
    codes = answers.get("codes", {})
    assert {guess.column for guess in table.guesses} == set(answers["columns"])
    for guess in table.guesses:
        right = answers["columns"][guess.column]
        told = said(guess) in (right if isinstance(right, list) else [right])
        wrong = [w for w, ours in guess.codes.items() if codes.get(w, ours) != ours]
        yield Judged(name, guess, said(guess), told and not wrong)


def names(held_out: bool = False) -> list[str]:
    found = [path.name.removesuffix(".key.toml") for path in KEYS]
    return [name for name in found if (name in HELD_OUT) == held_out]


def report(columns: list[Judged]) -> str:
    """The table that the figures in the README come from."""
    lines = [f"{'file':<20} columns right sure wrong wrong-and-sure"]
    for name in dict.fromkeys(each.file for each in columns):
        ours = [each for each in columns if each.file == name]
        wrong = [each for each in ours if not each.right]
        counts = (
            len(ours),
            len(ours) - len(wrong),
            sum(each.guess.sure for each in ours),
            len(wrong),
            sum(each.guess.sure for each in wrong),
        )
        lines.append(f"{name:<20}" + "".join(f"{count:>8}" for count in counts))
    return "\n".join(lines)


def test_nine_tenths_of_messy_columns_are_proposed_rightly_and_none_wrong_surely(
    record_property: Any,
) -> None:
    columns = [each for name in names() for each in judged(name)]
    wrong = [each for each in columns if not each.right]
    record_property("table", report(columns))
    assert len(names()) == 12
    assert 1 - len(wrong) / len(columns) >= 0.9, report(columns)
    assert not [each for each in wrong if each.guess.sure], wrong


def test_files_that_nothing_was_tuned_by_have_no_column_wrong_surely(
    record_property: Any,
) -> None:
    columns = [each for name in names(held_out=True) for each in judged(name)]
    wrong = [each for each in columns if not each.right]
    record_property("table", report(columns))
    assert not [each for each in wrong if each.guess.sure], wrong
    assert 1 - len(wrong) / len(columns) >= 0.6, report(columns)


@pytest.mark.parametrize("name", [path.name.removesuffix(".key.toml") for path in KEYS])
def test_the_way_a_messy_file_is_written_is_found(name: str) -> None:
    answers, table = messy(name)
    read, location = dict(answers["read"]), table.location
    usual = {"delimiter": ",", "encoding": "utf-8", "header_row": 1}
    if path_of(name).suffix == ".tsv":
        usual["delimiter"] = "\t"
    if sheet := read.pop("sheet", None):
        assert location.endswith(f"#{sheet}")
    assert {**usual, **table.read} == {**usual, **read}
    if answers["decimal"] not in ("any", "?"):
        assert table.decimal == answers["decimal"]
    if answers["dates"] not in ("any", "?"):
        assert table.dates == answers["dates"]


@pytest.mark.parametrize("name", [path.name.removesuffix(".key.toml") for path in KEYS])
def test_what_tells_of_a_person_is_never_mapped_and_no_value_of_it_is_kept(
    name: str,
) -> None:
    answers, table = messy(name)
    text = repr(table)
    sample = sample_of(name).frame
    for column, meaning in answers["columns"].items():
        if meaning == "person":
            guess = next(g for g in table.guesses if g.column == column)
            assert not guess.mapped
            for value in sample[column].drop_nulls():
                assert len(value) < 5 or value not in text


def table_of(**columns: Any) -> Table:
    return propose(Sample(pl.DataFrame(columns), "x.csv"), TODAY)


def guess_of(table: Table, column: str) -> Guess:
    return next(guess for guess in table.guesses if guess.column == column)


def test_the_contracts_own_names_are_sure() -> None:
    for dataset, column in (("batch", "harvested"), ("loss", "lost")):
        found = likenesses(header(column))
        assert any(
            m.dataset == dataset and m.column == column and like == 1.0
            for m, like in found.items()
        )


def test_days_that_may_be_read_two_ways_are_never_sure() -> None:
    table = table_of(
        Lot=["A-1", "A-2", "A-3"],
        Harvest=["03/04/2025", "05/06/2025", "07/08/2025"],
        Start=["01/04/2025", "02/06/2025", "04/08/2025"],
    )
    harvest = guess_of(table, "Harvest")
    assert not harvest.sure and "day first or month first" in harvest.doubt
    assert table.dates is None


def test_one_day_beyond_the_twelfth_decides_for_the_whole_table() -> None:
    table = table_of(
        Lot=["A-1", "A-2", "A-3"],
        Harvest=["03/04/2025", "05/06/2025", "07/08/2025"],
        Start=["01/04/2025", "22/05/2025", "04/08/2025"],
    )
    assert table.dates == "dmy"
    assert guess_of(table, "Harvest").sure


def test_two_columns_that_look_alike_are_not_sure() -> None:
    table = table_of(
        Lot=["A-1", "A-2"],
        Start=["2025-01-02", "2025-01-05"],
        **{"Harvest date": ["2025-01-12", "2025-01-15"]},
        **{"Date of harvest": ["2025-01-12", "2025-01-16"]},
    )
    assert not any(g.sure for g in table.guesses if "arvest" in g.column)


def test_a_name_that_the_values_contradict_is_not_sure() -> None:
    table = table_of(Lot=["A-1", "A-2"], Harvest=["good", "poor"])
    assert not guess_of(table, "Harvest").sure


def test_words_of_a_list_say_what_a_strange_column_is() -> None:
    table = table_of(
        **{"Número de lote": ["L1", "L2", "L3", "L4"]},
        Inicio=["2025-01-02", "2025-01-05", "2025-01-07", "2025-01-09"],
        Zzz=["EH", "EC", "EH", "Uso compasivo"],
    )
    # The name alone says nothing; the words speak, and a person decides.
    guess = guess_of(table, "Zzz")
    assert said(guess) == "batch.pathway" and not guess.sure


def test_a_header_that_is_somebodys_data_is_not_shown() -> None:
    frame = pl.DataFrame({"María Fernández Ruiz": ["a"], "94,2": ["93,1"]})
    table = propose(Sample(frame, "x.csv"), TODAY)
    assert "María" not in repr(table)


def test_words_of_a_column_in_doubt_are_not_listed() -> None:
    table = table_of(
        Lot=["A-1", "A-2", "A-3"],
        Start=["2025-01-02", "2025-01-05", "2025-01-07"],
        Proc=["Zug", "Wolke", "Zug"],
    )
    assert "Wolke" not in repr([g for g in table.guesses if not g.sure])


@pytest.mark.parametrize(
    ("name", "unit", "power"),
    [
        ("Viab. (%)", "%", 0),
        ("Endotoxin [EU/mL]", "EU/mL", 0),
        ("endotox_eu_ml", "EU/mL", 0),
        ("% CAR", "%", 0),
        ("Cells (x10^6)", None, 6),
        ("Cells (10⁶)", None, 6),
        ("Zellzahl (Mio)", None, 6),
        ("tot_cells_e6", None, 6),
        ("Dose (x10^6 cells/kg)", "cells/kg", 6),
        ("Batch", None, 0),
        ("Release 6", None, 0),
    ],
)
def test_units_and_powers_of_ten_are_found_in_headers(
    name: str, unit: str | None, power: int
) -> None:
    head = header(name)
    assert (head.unit, head.power) == (unit, power)


def test_every_name_of_a_column_belongs_to_a_column_of_the_contract() -> None:
    for meaning, said_so in column_names().items():
        assert said_so
        if meaning.dataset:
            columns = SCHEMAS[meaning.dataset].columns()
            assert {meaning.column, *dict(meaning.constants)} <= set(columns)


@pytest.mark.parametrize("vocabulary", sorted(VOCABULARIES))
def test_every_word_said_is_a_word_of_its_vocabulary(vocabulary: str) -> None:
    assert set(words_said(vocabulary).values()) <= set(VOCABULARIES[vocabulary])


def test_words_that_may_be_two_are_left_to_a_person() -> None:
    known = words_said("failure_category")
    assert known["contaminacion"] == "contamination"
    assert "sala" not in known


def test_a_copy_of_a_file_gives_the_same_proposal(tmp_path: Path) -> None:
    source = path_of("sv_avvikelser")
    there = Path(copy(source, tmp_path / "copy [2].csv"))
    table = propose(next(file_samples(there, [])), TODAY)
    assert table.guesses == messy("sv_avvikelser")[1].guesses


HEADERS = st.one_of(
    st.text(min_size=1, max_size=30),
    st.sampled_from(
        [
            "Lote",
            "Viab.\n(%)",
            "Start",
            'Say "x"',
            "Harvest",
            "# no",
            "Décision\\",
            "Le",
        ]
    ),
)
CELLS = st.none() | st.text(max_size=12) | st.sampled_from(["EH", "2025-01-02", "94,2"])


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(
        HEADERS, st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5
    )
)
def test_whatever_a_table_holds_the_proposal_is_toml_with_its_columns(
    columns: dict[str, list[str | None]],
) -> None:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    table = propose(Sample(frame, "x.csv"), TODAY)
    written = tomllib.loads(site_text([table], "x", source_text("drops")))
    for entry in written.get("dataset", []):
        for block in (entry, *entry.get("each", [])):
            for rule in block.get("columns", {}).values():
                column = rule if isinstance(rule, str) else rule.get("column")
                assert column is None or column in columns


def test_a_sheet_that_cannot_be_read_is_told_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "two.xlsx"
    with Workbook(path) as book:
        twice, fine = book.add_worksheet("twice"), book.add_worksheet("fine")
        for sheet, header in ((twice, ["Lot", "Day", "Day"]), (fine, ["Lot", "Start"])):
            sheet.write_row(0, 0, header)
            sheet.write_row(1, 0, ["A-1", "2025-01-02", "2025-01-03"][: len(header)])
    os.utime(path, (1_700_000_000, 1_700_000_000))
    problems: list[str] = []
    (sample,) = file_samples(path, problems)
    assert sample.location == "two.xlsx#fine"
    (problem,) = problems
    assert "'Day' twice" in problem
