"""A site's settings checked against a connector's model, with mistakes in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from connectors._errors import ConfigError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Settings(BaseModel):
    """Settings in which an unknown key is a mistake, not something to ignore."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is no time zone; write one like Europe/Madrid") from error
    return name


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a web address like https://host/path")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password; they have their own keys")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("must start with https://, or the secret travels readable")
    return text


TimeZone = Annotated[str, AfterValidator(_known_zone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]

Model = TypeVar("Model", bound=BaseModel)


def settings(model: type[Model], given: Mapping[str, object], key: str) -> Model:
    """The settings as a typed object, or a ConfigError naming the key at fault.

    The message never repeats the value: it may be a secret.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join([key, *(str(part) for part in first["loc"])])
        raise ConfigError(_in_words(first, model), key=place) from None


def _in_words(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return f"is not known here{did_you_mean(str(error['loc'][-1]), model)}"
    if error["type"] == "missing":
        return "is missing"
    message = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def did_you_mean(word: str, model: type[BaseModel]) -> str:
    """The model's key closest to the word, or all of its keys."""
    known = sorted(model.model_fields)
    close = get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; the keys are {', '.join(known)}" if known else "; it takes no keys"


def instant(text: str) -> datetime:
    """The instant an ISO text names; one without an offset is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
