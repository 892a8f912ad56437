"""The dashboard of one network folder, answering on this machine."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from connectors import ConfigError
from dashboard import api, figure_address, log, monitoring, queries, reception, shell
from dashboard.access.accounts import Accounts
from dashboard.access.desk import Desk
from dashboard.access.door import Door, SignedIn
from dashboard.access.fixed import LOOPBACK
from dashboard.access.sessions import Sessions
from dashboard.access.store import Store
from dashboard.access.throttle import Throttle
from dashboard.access.tokens import Tokens
from dashboard.app import create_app
from dashboard.audit_console import trail_of
from dashboard.gate import Sources
from dashboard.journal import Journal, version_at
from dashboard.kept import Kept
from etl.access import Access, read_access
from etl.network import NETWORK_FILE
from etl.settings_access import SignIn

# Who is being answered when the service is ended gets this long, in seconds.
GRACE = 10
# A process that says nothing for so long, in seconds, hangs and is replaced. Uvicorn's
# own 5 end one that is merely busy, or still starting, and whoever it was answering.
HUNG = 120
# An idle connection is kept longer than proxies keep theirs (a minute): one that is
# closed just when they use it again is an error to whoever asked.
IDLE = 65
# Where the first of several processes tells the others whose network it is.
FOLDER = "POCNET_SERVED_FOLDER"
# Where they find the pages that one of them has made.
PAGES = "POCNET_SERVED_PAGES"


def application(folder: Path, environ: Mapping[str, str] | None = None) -> FastAPI:
    """Pages and API over the newest snapshot of a network folder.

    `environ` holds the secrets that `[sign_in]` and `[audit]` name; left out, the
    dashboard is for this machine alone, whatever network.toml says.
    """
    folder = folder.resolve()
    data = folder / "data"
    access = Access() if environ is None else read_access(folder, environ)
    trail = trail_of(folder, environ or os.environ)
    journal = Journal(data / "journal.sqlite", trail)
    door, desk = (None, None)
    if access.sign_in is not None:
        door, desk = reception_desk(access, access.sign_in, journal, trail.key)
    sources = Sources(data / "snapshots", journal, queries.about, door, desk)
    routers = [api.router, figure_address.router, reception.router(folder)]
    kept = Kept(Path(os.environ[PAGES])) if PAGES in os.environ else None
    return create_app(sources, routers, kept=kept)


def serve(
    folder: Path,
    host: str,
    port: int,
    metrics: str | None = None,
    *,
    demo: bool = False,
) -> None:
    """Answer until interrupted; who is being answered then is answered to the end.

    ConfigError as of `assert_servable`. A `demo` is shown to this machine alone.
    """
    environ = None if demo else os.environ
    assert_servable(folder, host, port, environ)
    log.begin()
    queries.take_turns()
    with _pages_kept():
        app = application(folder, environ)
        if metrics:
            monitoring.answer(_timed(app, folder).registry, metrics)
        answer(app, host, port)


def side_by_side(
    folder: Path, host: str, port: int, workers: int, metrics: str | None = None
) -> None:
    """Answer with several processes, since Python computes on one core only.

    What people write and who has signed in lies in databases, so any of them may
    answer anybody. One that dies is begun again. ConfigError as of `assert_servable`.
    """
    assert_servable(folder, host, port, os.environ)
    log.begin()
    os.environ[FOLDER] = str(folder.resolve())
    # Pages are thousands of tiny frames: the cores are shared by processes, not within.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    watched = monitoring.together(folder, metrics) if metrics else nullcontext()
    with watched, _pages_kept():
        answer("dashboard.service:one_of_several", host, port, workers)


@contextmanager
def _pages_kept() -> Iterator[None]:
    """Processes of the block keep pages in one folder, which is gone afterwards."""
    with TemporaryDirectory(prefix="pocnet-pages-") as os.environ[PAGES]:
        yield


def one_of_several() -> FastAPI:
    """The application of one of the processes that another one began."""
    log.begin()
    queries.take_turns()
    folder = Path(os.environ[FOLDER])
    app = application(folder, os.environ)
    if monitoring.SHARED in os.environ:
        _timed(app, folder)
    return app


def _timed(app: FastAPI, folder: Path) -> monitoring.Visits:
    """Has an application count and time what it answers."""
    visits = monitoring.Visits(folder, shell.template)
    app.add_middleware(monitoring.Timed, visits=visits)
    return visits


def answer(app: FastAPI | str, host: str, port: int, workers: int = 1) -> None:
    """Answer with an application, or with several made by the function of a name."""
    log.say(f"Dashboard: http://{_written(host)}:{port}  (Ctrl-C ends it)")
    uvicorn.run(
        app,
        factory=isinstance(app, str),
        workers=workers,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=HUNG,
        timeout_keep_alive=IDLE,
    )


def assert_servable(
    folder: Path, host: str, port: int, environ: Mapping[str, str] | None
) -> None:
    """ConfigError for a folder that is no network and for a port that is taken.

    Also for a host that others can reach where nobody signs in, because whoever opens
    the dashboard there would see everything. NewerError for a newer pocnet's journal.
    """
    if not (folder / NETWORK_FILE).is_file():
        raise ConfigError(
            f"{folder} holds no {NETWORK_FILE}. Name the network's folder, or make "
            "one with `pocnet init DIR` or `pocnet demo`."
        )
    version_at(folder / "data" / "journal.sqlite")
    access = Access() if environ is None else read_access(folder, environ)
    free_port(host, port, everywhere=access.sign_in is not None)


def reception_desk(
    access: Access, rules: SignIn, journal: Journal, key: bytes
) -> tuple[Door, ASGIApp]:
    """The door that opens for who has signed in, and the pages where they do."""
    store = Store(journal.path.with_name("access.sqlite"))
    sessions = Sessions(store, rules.idle_minutes * 60, rules.hours * 3600)
    # A cookie with this prefix is believed only if this very host set it, encrypted.
    cookie = "__Host-pocnet" if rules.address.startswith("https:") else "pocnet"
    hosts = (urlsplit(rules.address).hostname or "", *LOOPBACK)
    door = SignedIn(sessions, Tokens(store), hosts, cookie, rules.public)
    desk = Desk(
        access, rules, Accounts(store), sessions, Throttle(store), journal, cookie
    )
    return door, desk.application(key)


def free_port(host: str, port: int, *, everywhere: bool = False) -> None:
    """ConfigError unless nobody answers at `port` yet, and `host` may be served.

    Only this machine's own may be, unless people sign in: then it is `everywhere`.
    """
    if host not in LOOPBACK and not everywhere:
        raise ConfigError(
            f"{host} can be reached from other machines, and sign-in is not "
            "configured: everybody there would see all sites by name. Add [sign_in] "
            "to network.toml, or leave out --host; to look from elsewhere meanwhile, "
            "use an SSH tunnel to this machine."
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
