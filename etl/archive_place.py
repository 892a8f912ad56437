"""The archive of a network, wherever its settings keep it."""

import os
from collections.abc import Mapping
from pathlib import Path

from connectors import ConfigError
from etl.bundle import Archive
from etl.network import NETWORK_FILE, Network
from etl.settings_network import ArchivePlace
from etl.settings_secrets import Resolver
from etl.shelf import Shelf

_KEYS = ("access_key", "secret_key")


def archive_of(network: Network, environ: Mapping[str, str] = os.environ) -> Archive:
    """What the network's sites have sent, in the folder or the bucket it is kept in.

    The secrets of a bucket are looked up here and nowhere kept: ConfigError where one
    is not set. The bucket is asked nothing yet.
    """
    here = network.folder / "data" / "archive"
    place = network.archive
    if place is None:
        return Archive(here)
    if place.bucket is None:
        return Archive(network.folder / place.address)
    return Archive(_bucket(place, network.folder, here, environ))


def _bucket(
    place: ArchivePlace, folder: Path, here: Path, environ: Mapping[str, str]
) -> Shelf:
    # obstore is slow to import, and most archives are folders.
    from connectors._bucket import Bucket
    from etl.shelf_bucket import BucketShelf

    assert place.bucket
    name, prefix = place.bucket
    access, secret = (_secret(place, key, environ) for key in _KEYS)
    authority = (folder / place.ca_file).read_bytes() if place.ca_file else None
    bucket = Bucket(
        name, prefix, place.endpoint, place.region, access, secret, authority
    )
    return BucketShelf(bucket, here)


def _secret(place: ArchivePlace, key: str, environ: Mapping[str, str]) -> str:
    resolver = Resolver(environ)
    found = resolver.fill(getattr(place, key).model_dump(), ("archive", key))
    for mistake in resolver.mistakes:
        raise ConfigError(mistake.message, NETWORK_FILE, key=f"archive.{key}")
    return str(found)
