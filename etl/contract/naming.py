"""What sites call columns and words, in six languages, and what that means here."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from etl.contract.parameters import parameters, state_words
from etl.contract.schemas import SCHEMAS, SENT
from etl.contract.vocabulary import VOCABULARIES
from etl.contract.words import bare

Constants = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Meaning:
    """What a source column may be: a column of a dataset, or nothing that is mapped.

    `constants` belong to it (`gate` = provisional). A column that is not mapped has no
    `dataset`, and says in `left` why; `person` where it tells of somebody.
    """

    dataset: str = ""
    column: str = ""
    constants: Constants = ()
    left: str = ""
    person: bool = False

    @property
    def metadata(self) -> Mapping[str, Any]:
        """How the contract reads the column: its kind, vocabulary and default."""
        column = SCHEMAS[self.dataset].columns()[self.column]
        return column.metadata or {}

    @property
    def parameter(self) -> str | None:
        """The test it holds the results of, where a column holds one test."""
        return dict(self.constants).get("parameter")


@cache
def column_names() -> Mapping[Meaning, tuple[str, ...]]:
    """Every meaning a source column may have, and what it is called then.

    The contract's own names are among them, and every test of the table of parameters.
    """
    found: dict[Meaning, list[str]] = {}
    for dataset in SENT:
        for column in SCHEMAS[dataset].columns():
            if column != "site":
                found[Meaning(dataset, column)] = [column]
    for entry in _table("column_names.toml")["name"]:
        said = [name for names in entry.values() if _is_names(names) for name in names]
        for meaning in _meanings(entry):
            found.setdefault(meaning, []).extend(said)
    for code, each in parameters().items():
        said = [name for names in each.synonyms.values() for name in names]
        meaning = Meaning("result", "value", (("parameter", code),))
        found[meaning] = [code, each.title, *said]
    return MappingProxyType({m: tuple(dict.fromkeys(n)) for m, n in found.items()})


@cache
def words_said(vocabulary: str) -> Mapping[str, str]:
    """For each way to say a word of a vocabulary (see `bare`), the word.

    A text that may be two of the words is in none.
    """
    said: dict[str, set[str]] = {}
    for word in VOCABULARIES[vocabulary]:
        for text in (word, bare(word)):
            said.setdefault(text, set()).add(word)
    for listed in _listed(vocabulary):
        for word, texts in listed.items():
            for text in texts:
                said.setdefault(bare(text), set()).add(word)
    if vocabulary == "result_state":
        for text, state in state_words().items():
            said.setdefault(bare(text), set()).add(state)
    return MappingProxyType({t: min(w) for t, w in said.items() if len(w) == 1})


def _listed(vocabulary: str) -> list[Mapping[str, list[str]]]:
    table = _table("word_names.toml")
    # An out-of-specification release has the reasons of failures, and one more.
    names = ["failure_category"] if vocabulary == "release_reason" else []
    return [table[name] for name in (*names, vocabulary) if name in table]


def _is_names(value: object) -> bool:
    return isinstance(value, list)


def _meanings(entry: Mapping[str, Any]) -> list[Meaning]:
    if "person" in entry:
        return [Meaning(left=entry["person"], person=True)]
    if "left" in entry:
        return [Meaning(left=entry["left"])]
    constants = tuple(sorted(entry.get("with", {}).items()))
    dataset, _, column = entry["column"].rpartition(".")
    datasets = [dataset] if dataset else SENT
    return [
        Meaning(each, column, constants)
        for each in datasets
        if column in SCHEMAS[each].columns()
    ]


@cache
def _table(name: str) -> dict[str, Any]:
    source = files("etl.contract").joinpath(name)
    return tomllib.loads(source.read_text(encoding="utf-8"))
