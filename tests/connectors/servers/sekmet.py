"""sekmet-fhir: a FHIR R4 server with history, strict search and SMART sign-in."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.connectors.servers.installed import free_port, python_with, running
from tests.connectors.servers.programs import Program


@contextmanager
def sekmet(folder: Path, base: str | None = None, **settings: object) -> Iterator[str]:
    """The base URL of a server that keeps its resources in `folder`.

    It believes that its own address is `base`, where that is given. Resources are
    taken as they are: R5's have other elements than it knows.
    """
    python = python_with("sekmet", "sekmet-fhir>=0.1.1,<0.2")
    port = free_port()
    url = f"http://127.0.0.1:{port}/fhir"
    quiet: Mapping[str, object] = {
        "validation": {"inbound": "off"},
        "simulator": {"enabled": False},
        "log_inbound": False,
    }
    config = folder / "settings.yaml"
    config.write_text(json.dumps({**quiet, **settings}))
    environment = {
        "SEKMET_CONFIG": str(config),
        "SEKMET_BASE_URL": base or url,
        "SEKMET_DB": str(folder / "sekmet.db"),
    }
    serve = ["serve", "--host", "127.0.0.1", "--port", str(port)]
    command = [str(python), "-c", "from sekmet.cli import app; app()", *serve]
    with running(Program(command, port, folder / "sekmet.log", environment)):
        yield url
