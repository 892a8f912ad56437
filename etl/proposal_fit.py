"""How surely a source column is what its name makes it, given what its values are."""

from typing import Final

from etl.contract.naming import Meaning
from etl.contract.parameters import Parameter, parameters
from etl.proposal_names import Header
from etl.proposal_values import Looks

_MOSTLY: Final = 0.8
_FAIR: Final = 0.5
_EMPTY: Final = 0.85
_WRONG: Final = 0.25
_LIFE: Final = 15  # years; a unit's own dates lie closer together than births
_FEW_CELLS: Final = 1000
# What values that speak for a meaning add to what its name left open.
_SPEAKS: Final = 0.35
_NAMED: Final = 0.45


def confidence(
    likeness: float, meaning: Meaning, head: Header, looks: Looks, first: bool
) -> float:
    """From 0 to 1: the likeness of the name, weighed by what the values say of it."""
    if not meaning.dataset:
        return likeness
    fit = _fit(meaning, head, looks)
    speaks = fit > 1 and likeness >= _NAMED
    if meaning.column == "batch" and first and looks.distinct == looks.filled:
        speaks = speaks or (likeness >= _NAMED and _is_code(looks))
    sure = likeness + (1 - likeness) * _SPEAKS if speaks else likeness
    return sure * min(fit, 1.0)


def speaking(meaning: Meaning, looks: Looks) -> float:
    """How surely the values alone say what a column is: words of one list do."""
    vocabulary = meaning.metadata.get("vocabulary") if meaning.dataset else None
    if vocabulary is None or not looks.words:
        return 0.0
    return len(looks.said(vocabulary)) / len(looks.words)


def _fit(meaning: Meaning, head: Header, looks: Looks) -> float:
    """Below 1 where the values speak against it, above where they speak for it."""
    if not looks.filled:
        return _EMPTY
    if meaning.parameter:
        return _fits_test(parameters()[meaning.parameter], head, looks)
    match str(meaning.metadata.get("kind")):
        case "date":
            return _fits_date(looks)
        case "number" if meaning.column == "value":
            return 1.0 if not looks.dated else _WRONG
        case "number" | "count" | "band":
            return _fits_figure(looks)
        case "word":
            return _fits_words(str(meaning.metadata["vocabulary"]), looks)
        case "parameter":
            share = len(looks.said("parameter")) / max(len(looks.words), 1)
            return 1.2 if share >= _FAIR else 0.6
        case "unit":
            return 1.2 if looks.units >= _FAIR else _WRONG
        case "pseudonym" | "lot":
            return 1.0 if not looks.dated and not _decimals(looks) else _WRONG
        case _:
            return _fits_text(looks)


def _fits_date(looks: Looks) -> float:
    if not looks.dated:
        return _WRONG
    return 0.6 if looks.years_apart > _LIFE else 1.2


def _fits_figure(looks: Looks) -> float:
    return 1.2 if looks.figures >= _MOSTLY and not looks.dated else _WRONG


def _fits_words(vocabulary: str, looks: Looks) -> float:
    if looks.dated or looks.figures >= _MOSTLY:
        return _WRONG
    share = len(looks.said(vocabulary)) / max(len(looks.words), 1)
    if share >= _FAIR:
        return 1.2
    return 0.95 if share else 0.7


def _fits_text(looks: Looks) -> float:
    if looks.dated or _decimals(looks):
        return _WRONG
    return 0.7 if _is_code(looks) and looks.shape.count("9") > 3 else 1.0


def _fits_test(test: Parameter, head: Header, looks: Looks) -> float:
    if looks.dated:
        return _WRONG
    # Nothing is a thousand million percent.
    raised = head.power and not any(unit.startswith("cells") for unit in test.units)
    if raised or (head.unit and head.unit not in test.units):
        return 0.4
    if test.kind == "text":
        said = {*test.meanings}
        known = any(word.lower() in said for word in looks.words)
        return 1.2 if known else 0.95 if looks.figures < _FAIR else 0.6
    if looks.figures < _MOSTLY:
        return 0.4
    few = looks.highest is not None and looks.highest < _FEW_CELLS and not head.power
    if str(test.unit).startswith("cells") and few and head.unit is None:
        return 0.6
    return 1.4 if head.unit else 1.2


def _decimals(looks: Looks) -> bool:
    return looks.figures >= _MOSTLY and (looks.decimal is not None or not looks.whole)


def _is_code(looks: Looks) -> bool:
    return "9" in looks.shape and " " not in looks.shape
