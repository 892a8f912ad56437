"""A secret that a network makes for itself and keeps in a file."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def secret_in(path: Path) -> str:
    """The 64 digits in the file `path`, made when first asked for, for this account.

    The file appears whole under its name or not at all, and whoever comes first makes
    it: processes that start at the same time agree on one secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
