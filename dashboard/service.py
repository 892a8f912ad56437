"""The dashboard of one network folder, answering on this machine."""

import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from connectors import ConfigError
from dashboard import api, log, monitoring, queries, reception, shell
from dashboard.app import Sources, create_app
from dashboard.journal import Journal
from etl.network import NETWORK_FILE

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Who is being answered when the service is ended gets this long, in seconds.
GRACE = 10


def application(folder: Path) -> FastAPI:
    """Pages and API over the newest snapshot of a network folder."""
    data = folder.resolve() / "data"
    sources = Sources(
        data / "snapshots", Journal(data / "journal.sqlite"), queries.about
    )
    return create_app(sources, [api.router, reception.router(folder.resolve())])


def serve(folder: Path, host: str, port: int, metrics: str | None = None) -> None:
    """Answer until interrupted; who is being answered then is answered to the end.

    ConfigError for a host that others can reach, because whoever opens the dashboard
    there would see everything: sign-in is not configured. Also for a folder that is
    no network and for a port that is taken.
    """
    if not (folder / NETWORK_FILE).is_file():
        raise ConfigError(
            f"{folder} holds no {NETWORK_FILE}. Name the network's folder, or make "
            "one with `pocnet init DIR` or `pocnet demo`."
        )
    free_port(host, port)
    log.begin()
    app = application(folder)
    if metrics:
        visits = monitoring.Visits(folder, shell.template)
        monitoring.answer(visits.registry, metrics)
        app.add_middleware(monitoring.Timed, visits=visits)
    log.say(f"Dashboard: http://{_written(host)}:{port}  (Ctrl-C ends it)")
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
    )


def free_port(host: str, port: int) -> None:
    """ConfigError unless `host` is this machine only and nobody answers at `port`."""
    if host not in LOOPBACK:
        raise ConfigError(
            f"{host} can be reached from other machines, and sign-in is not "
            "configured: everybody there would see all sites by name. Leave out "
            "--host; to look from elsewhere, use an SSH tunnel to this machine."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise ConfigError(
                f"Port {port} is taken by another program. Choose one with --port, "
                f"such as --port {port % 65_535 + 1}."
            ) from None


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
