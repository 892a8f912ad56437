"""Secrets: taken from the environment, and refused where a file holds one.

Settings files are mailed, copied and committed; what they hold is no secret for long.
A secret is written `{ env = "NAME" }` and comes from the variable NAME, or from the
file that NAME_FILE names, which is how containers hand secrets over.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from etl.settings_kinds import Secret
from etl.settings_mistakes import Mistake, shape_mistakes
from etl.toml_lines import KeyPath

_SECRET_NAME: Final = re.compile(
    r"(^|[_-])(token|passw(or)?d|pwd|passphrase|secret|api_?key|key|authorization"
    r"|credentials?)$",
    re.IGNORECASE,
)
_HOLD_SECRETS: Final = (
    *("source", "privacy", "agent", "dataset"),
    *("signals", "sign_in", "audit", "archive"),
)
_PUBLIC: Final = ("public_key", "host_key")
_UNSET: Final = "unset"  # not empty, or a connector would miss it a second time
_SECRET_INSIDE: Final = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@"  # https://user:password@host
    r"|\b(access_token|token|api_?key|passw(or)?d|pwd|secret)\s*=\s*[^\s;&]",
    re.IGNORECASE,
)


@dataclass
class Resolver:
    """Puts secrets in the place of `{ env = "NAME" }`, and notes what was not found."""

    environ: Mapping[str, str]
    mistakes: list[Mistake] = field(default_factory=list)

    def fill_site(self, data: Mapping[str, object]) -> dict[str, object]:
        """A site's file with its secrets filled in; a mapping can hold none."""
        filled = dict(data)
        for name in ("source", "privacy", "agent"):
            if name in data:
                filled[name] = self.fill(data[name], (name,))
        if isinstance(entries := data.get("dataset"), list):
            filled["dataset"] = [
                {**entry, "read": self.fill(entry["read"], ("dataset", i, "read"))}
                if isinstance(entry, dict) and "read" in entry
                else entry
                for i, entry in enumerate(entries)
            ]
        return filled

    def fill(self, value: object, path: KeyPath) -> object:
        """The same value with every secret in it filled in, where it was found."""
        if isinstance(value, list):
            return [self.fill(each, (*path, i)) for i, each in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if "env" in value:
            return self._secret(value, path)
        return {key: self.fill(each, (*path, key)) for key, each in value.items()}

    def _secret(self, value: dict[str, object], path: KeyPath) -> str:
        if wrong := shape_mistakes(Secret, value, path):
            self.mistakes += wrong
            return _UNSET
        name = str(value["env"])
        try:
            return _look_up(name, self.environ)
        except LookupError as error:
            self.mistakes.append(Mistake(path, str(error.args[0])))
            return _UNSET


def _look_up(name: str, environ: Mapping[str, str]) -> str:
    if value := environ.get(name):
        return value
    if not (file := environ.get(f"{name}_FILE")):
        raise LookupError(
            f"The environment variable {name} is not set. Set it, or set "
            f"{name}_FILE to the name of a file that holds the secret."
        )
    try:
        value = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise LookupError(
            f"{name}_FILE names {file}, which cannot be read as a text file."
        ) from None
    if not value:
        raise LookupError(f"{name}_FILE names {file}, which is empty.")
    return value


def names_a_secret(option: str) -> bool:
    """Whether an option of this name can only hold a secret."""
    return _SECRET_NAME.search(option) is not None


def plain_secrets(slug: str, data: Mapping[str, object]) -> Iterator[Mistake]:
    """Every place of a file where a secret seems to stand in plain text.

    `slug` is the site's, or the word for the network. Only `[source]`, `[privacy]`,
    `[agent]`, `[signals]`, `[sign_in]`, `[audit]`, `[archive]` and the reading options
    are looked at: elsewhere `token` may well be the name of a column. The value is
    never repeated.
    """
    for path, value in _texts(data):
        if path[0] not in _HOLD_SECRETS or "columns" in path:
            continue
        name = next((p for p in reversed(path) if isinstance(p, str)), "")
        # The `key` of reading options is the name of a record's key, no secret.
        named = names_a_secret(name) and not ("read" in path and name == "key")
        named = named and name not in _PUBLIC
        if not (named or _SECRET_INSIDE.search(value)):
            continue
        variable = re.sub(r"\W", "_", f"POCNET_{slug}_{name}").upper()
        yield Mistake(
            path,
            f"A secret must not stand in this file. Write {name} = "
            f'{{ env = "{variable}" }} and set that variable (or {variable}_FILE); '
            "then change the secret, since it was written down here.",
        )


def _texts(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*path, index))
    elif isinstance(value, dict) and set(value) != {"env"}:
        for key, each in value.items():
            yield from _texts(each, (*path, key))
