"""Names for sites that are not named: a permutation drawn from a keyed digest.

Who reads which release of which figure goes into the digest, so that the numbers of two
readers, two releases or two figures have nothing in common. Their order says nothing of
volume, region, name or the day of joining: only who holds the key can make it again.
"""

import hmac
from collections.abc import Collection
from pathlib import Path
from typing import Final

from dashboard.secret_file import secret_in

KEY_FILE: Final = "aliases.key"
_BETWEEN: Final = "\x1f"


def key(journal: Path) -> bytes:
    """The network's secret for aliases, beside its journal, made when first needed."""
    return bytes.fromhex(secret_in(journal.with_name(KEY_FILE)))


def aliases(
    secret: bytes, about: tuple[str, ...], sites: Collection[str]
) -> dict[str, str]:
    """“Peer 1” to “Peer n” for n sites, drawn anew for every other `about`.

    `about` is the viewer, the release and the figure. HMAC-SHA-256 (RFC 2104): without
    the secret each of the n! orders is as likely as any other.
    """
    ranked = sorted(sites, key=lambda site: _digest(secret, (*about, site)))
    return {site: f"Peer {place}" for place, site in enumerate(ranked, 1)}


def _digest(secret: bytes, words: tuple[str, ...]) -> bytes:
    return hmac.digest(secret, _BETWEEN.join(words).encode(), "sha256")
