"""Drops on servers, pulled into a network: what is deleted there is gone here."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from etl.network import load_network
from etl.run import RunResult, pull
from tests.connectors.places import Place, place
from tests.etl.drops import (
    BATCHES,
    DECLARED,
    ENVIRON,
    RELEASES,
    SITES,
    edit,
    write_network,
)
from tests.etl.pulling import NEW, rows

pytestmark = pytest.mark.usefixtures("short_library")

SECRETS = ("password", "private_key", "access_key", "secret_key")


def settle(network: Path, slug: str, drop: Place) -> dict[str, str]:
    """Let the site's file name the drop; gives the secrets that it asks for."""
    options = {k: v for k, v in drop.options.items() if k not in SECRETS}
    lines = [f"{name} = {json.dumps(value)}" for name, value in options.items()]
    secrets = {k: str(v) for k, v in drop.options.items() if k in SECRETS}
    lines += [f'{k} = {{ env = "{slug}_{k}" }}' for k in secrets]
    edit(network, slug, f'folder = "../drops/{slug}"', "\n".join(lines))
    return {f"{slug}_{name}": value for name, value in secrets.items()}


def pulled(network: Path, environ: dict[str, str]) -> RunResult:
    return pull(load_network(network, ENVIRON | environ), (), NEW)


def batches(result: RunResult) -> list[tuple[object, ...]]:
    return rows(result.snapshot, "batch", "site, started, pathway")


def fill(drop: Place, slug: str, without: str = "-") -> None:
    lots = BATCHES.format(slug=slug).splitlines(keepends=True)
    kept = "".join(line for line in lots if not line.startswith(without))
    drop.put("batches.csv", kept.encode())
    drop.put("releases.csv", RELEASES.format(slug=slug).encode())
    drop.put("declared.csv", DECLARED.encode())


def test_a_site_stays_the_same_when_its_files_come_another_way(tmp_path: Path) -> None:
    network, environ = write_network(tmp_path / "network"), {}
    expected = batches(pulled(network, environ))
    with ExitStack() as stack:
        drops = {
            slug: stack.enter_context(place(way, tmp_path / way))
            for slug, way in zip(SITES, ("sftp", "webdav-nginx", "s3"), strict=True)
        }
        for slug, drop in drops.items():
            environ |= settle(network, slug, drop)
            fill(drop, slug)
        assert batches(pulled(network, environ)) == expected
        for slug, drop in drops.items():
            fill(drop, slug, without=f"{slug}-002")
        assert len(batches(pulled(network, environ))) == len(expected) - len(SITES)
        for drop in drops.values():
            drop.program.kill()
        failed = pulled(network, environ)
        assert len(batches(failed)) == len(expected) - len(SITES)
        assert sorted(failure.site for failure in failed.failures) == sorted(SITES)
