"""SENAITE LIMS 2.6 on Plone, for which a Python 2.7 must be there; slow to install."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.connectors.servers.installed import free_port, once, running
from tests.connectors.servers.programs import Program

PASSWORD = "admin-password"
SITE = Path(__file__).parent / "senaite_site"


class Lims:
    """A LIMS that is running, and its JSON API to write to."""

    def __init__(self, url: str) -> None:
        self.options: dict[str, object] = {
            "url": url,
            "user": "admin",
            "password": PASSWORD,
            "requests_per_minute": 6000,
        }
        self._api = httpx.Client(
            base_url=f"{url}/@@API/senaite/v1",
            auth=("admin", PASSWORD),
            timeout=120,
        )

    def _told(self, answer: httpx.Response) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return found

    def found(self, kind: str, catalog: str, **more: str) -> list[dict[str, Any]]:
        asked = {"portal_type": kind, "catalog": f"senaite_catalog{catalog}", **more}
        return self._told(self._api.get("/search", params=asked))

    def sample(self) -> str:
        """A sample with three analyses, received; gives its ID."""
        [client], [contact] = (
            self.found("Client", "_client"),
            self.found("Contact", "_contact"),
        )
        [kind] = self.found("SampleType", "_setup")
        services = self.found("AnalysisService", "_setup")
        wanted = {
            "portal_type": "AnalysisRequest",
            "parent_uid": client["uid"],
            "Contact": contact["uid"],
            "SampleType": kind["uid"],
            "DateSampled": "2026-11-01",
            "Analyses": [service["uid"] for service in services],
        }
        [made] = self._told(self._api.post("/create", json=wanted))
        self.change(made["uid"], transition="receive")
        return str(made["id"])

    def change(self, uid: str, **values: str) -> None:
        self._told(self._api.post(f"/update/{uid}", json=values))


@contextmanager
def senaite() -> Iterator[Lims]:
    """A LIMS without samples yet, in a folder of its own."""
    python = once("senaite-venv", _install) / "bin" / "python"
    made = once("senaite-site", lambda folder: _make(folder, python))
    folder = Path(tempfile.mkdtemp(prefix="pocnet-lims-"))
    shutil.copytree(made, folder, dirs_exist_ok=True)
    port = free_port()
    for name in ("zope.conf", "zope.ini"):
        file = folder / "etc" / name
        said = file.read_text().replace(str(made), str(folder))
        file.write_text(said.replace("port = 8080", f"port = {port}"))
    serve = [str(python), str(python.with_name("runwsgi")), f"{folder}/etc/zope.ini"]
    with running(Program(serve, port, folder / "log")):
        yield Lims(f"http://127.0.0.1:{port}/senaite")
    shutil.rmtree(folder)


def _python27() -> str:
    kept = sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))
    for path in (shutil.which("python2.7"), *map(str, kept)):
        if path and not subprocess.run([path, "-V"], capture_output=True).returncode:
            return path
    pytest.skip("needs a Python 2.7, in which alone SENAITE 2.6 runs")


def _install(folder: Path) -> None:
    python, tool = _python27(), folder.with_name("senaite-virtualenv")
    wanted = ["--target", str(tool), "virtualenv<20.22"]
    _run([sys.executable, "-m", "pip", "install", "-q", *wanted])
    paths = {"PYTHONPATH": str(tool)}
    _run([sys.executable, "-m", "virtualenv", "-q", "-p", python, str(folder)], paths)
    listed = ["-r", str(SITE / "requirements.txt")]
    _run([str(folder / "bin/python"), "-m", "pip", "install", "-q", *listed])


def _make(folder: Path, python: Path) -> None:
    there = str(folder)
    make = python.with_name("mkwsgiinstance")
    _run([str(python), str(make), "-d", there, "-u", f"admin:{PASSWORD}"])
    conf = (SITE / "zope.conf").read_text().replace("INSTANCE_FOLDER", there)
    (folder / "etc/zope.conf").write_text(conf)
    shutil.copy(SITE / "site.zcml", folder / "etc/site.zcml")
    console = [str(python), str(python.with_name("zconsole")), "run"]
    _run([*console, f"{there}/etc/zope.conf", str(SITE / "make_site.py")])


def _run(command: list[str], more: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | (more or {})
    )
    if done.returncode:
        pytest.skip(f"SENAITE could not be installed here: {done.stderr[-300:]}")
