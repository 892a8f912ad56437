"""A mistake in a settings file, said so that it can be mended without asking anyone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from rapidfuzz import fuzz, process

from etl.settings_kinds import SLUG
from etl.toml_lines import KeyPath

LIKENESS: Final = 65.0  # percent; below it a suggestion misleads more than it helps
NEARLY_EQUAL: Final = 91.0  # a slip of one letter, or of capitals alone
_SHORT_LIST: Final = 12
_TABLE: Final = "must be a table, such as [section] or { key = … }"
_SAYINGS: Final = {
    "model_type": _TABLE,
    "dict_type": _TABLE,
    "mapping_type": _TABLE,
    "tuple_type": "must be a list, such as [[section]] or [ … ]",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
}


@dataclass(frozen=True)
class Mistake:
    """What is wrong at one place of a file; the place need not be written there."""

    path: KeyPath
    message: str


def did_you_mean(word: str, known: Iterable[str], likeness: float = LIKENESS) -> str:
    """` Did you mean "…"?`, or nothing when no known word is like it."""
    best = process.extractOne(
        word,
        list(known),
        scorer=_likeness,
        processor=str.lower,
        score_cutoff=likeness,
    )
    return f' Did you mean "{best[0]}"?' if best else ""


def _likeness(one: str, other: str, *, score_cutoff: float | None = None) -> float:
    """Percent of letters in common; a part of a longer text counts for less."""
    return max(fuzz.ratio(one, other), 0.8 * fuzz.WRatio(one, other))


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """The sentence for a word that is not one of the known ones."""
    words = list(known)
    hint = did_you_mean(word, words)
    if not hint and words and len(words) <= _SHORT_LIST:
        hint = f" Known: {', '.join(words)}."
    return f'{what} "{word}" is not known.{hint}'


def shape_mistakes(
    model: type[BaseModel], data: Mapping[str, object], at: KeyPath = ()
) -> list[Mistake]:
    """Where the data do not have the model's shape, one mistake a place.

    No message repeats a value: a value may be a secret that was written in a wrong
    place.
    """
    try:
        model.model_validate(data)
    except ValidationError as error:
        found: dict[KeyPath, str] = {}
        for detail in error.errors(include_url=False):
            path = _written_path(data, detail)
            words = [part for part in (*at, *path) if isinstance(part, str)]
            name = words[-1] if words else "the file"
            found.setdefault(
                path, _sentence(name, _fields_at(model, path[:-1]), detail)
            )
        return [Mistake((*at, *path), message) for path, message in found.items()]
    return []


def _written_path(data: object, detail: ErrorDetails) -> KeyPath:
    """The error's place without the names pydantic adds for members of a union."""
    path: KeyPath = ()
    for part in detail["loc"]:
        inside = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(inside, Mapping) and part in inside:
            data = inside[part]
        elif detail["type"] != "missing":
            continue
        path = (*path, part)
    return path


def _sentence(key: str, fields: Mapping[str, FieldInfo], detail: ErrorDetails) -> str:
    field = fields.get(key)
    about = f" {field.description}" if field and field.description else ""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return unknown("The key", key, fields)
        case "missing":
            return f'"{key}" is missing.{about}'
        case "literal_error":
            hint = did_you_mean(str(detail["input"]), _quoted(context["expected"]))
            return f'"{key}" must be {context["expected"]}.{hint}'
        case "string_pattern_mismatch" if context["pattern"] == SLUG:
            return f'"{key}" may hold only a-z, 0-9 and single hyphens.'
        case "string_pattern_mismatch":
            return f'"{key}" is not written as expected.{about}'
        case kind:
            said = detail["msg"].replace("Input should", "should")
            said = said.removeprefix("Value error, ")
            return f'"{key}" {_SAYINGS.get(kind, said)}.{about}'


def _quoted(expected: str) -> list[str]:
    return [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]


def _fields_at(model: type[BaseModel], path: KeyPath) -> dict[str, FieldInfo]:
    """The keys a table may have, by the names they have in the file."""
    models = [model]
    for part in path:
        fields = dict(pair for each in models for pair in _named(each))
        if isinstance(part, str) and part in fields:
            models = list(_models(fields[part].annotation))
    return dict(pair for each in models for pair in _named(each))


def _named(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def unsettled(secrets: list[Mistake], others: Iterable[Mistake]) -> list[Mistake]:
    """Both, without what only repeats at the same place that a secret is wrong."""
    settled = {mistake.path for mistake in secrets}
    settled |= {path[:-1] for path in settled if path[-1] == "env"}
    return secrets + [each for each in others if each.path not in settled]
