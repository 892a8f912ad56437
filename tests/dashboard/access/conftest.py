from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.connectors.servers.installed import modules_with, running
from tests.connectors.servers.programs import Program
from tests.demo import Demo
from tests.serving import ROOT, free_port, serving_command

PASSWORD = "correct horse battery"
PEOPLE = {
    "lena": ["--role", "lead"],
    "sofia": ["--role", "site", "--of", "manzanera"],
    "anton": ["--role", "authority", "--of", "ES-AN"],
    "dora": ["--role", "data_manager"],
    "iris": ["--role", "auditor"],
}
_POCNET = [sys.executable, "-c", "from dashboard.cli import main; main()"]


def pocnet(*words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """What `pocnet WORDS` answers when `said` is typed."""
    return subprocess.run(
        [*_POCNET, *words], cwd=ROOT, input=said, capture_output=True, text=True
    )


@dataclass
class Served:
    """A dashboard where people sign in, its folder, and a provider beside it."""

    url: str
    folder: Path
    provider: str = ""
    clients: dict[str, httpx.Client] = field(default_factory=dict)

    def stranger(self) -> httpx.Client:
        """A browser that nobody has signed in with."""
        return httpx.Client(base_url=self.url, headers={"accept": "text/html"})

    def sign_in(self, name: str, password: str = PASSWORD, to: str = "/") -> Signed:
        """A browser with which somebody has just tried to sign in, and the answer."""
        client = self.stranger()
        form = {"name": name, "password": password, "next": to}
        return Signed(client, client.post("/sign-in/", data=form))

    def client(self, name: str) -> httpx.Client:
        """A browser with which `name` is signed in."""
        if name not in self.clients:
            self.clients[name] = self.sign_in(name).client
        return self.clients[name]

    def by_provider(self, login: str, to: str = "/") -> Signed:
        """The same by way of the provider's own pages, where `login` is typed."""
        client = self.stranger()
        at = client.get("/sign-in/provider", params={"next": to})
        elsewhere = httpx.Client()
        answer = elsewhere.get(at.headers["location"])
        while not (back := _location(answer)).startswith(self.url):
            if answer.is_redirect:
                answer = elsewhere.get(httpx.URL(self.provider).join(back))
                continue
            action = re.search(r'action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
            assert action and prompt, answer.text
            said = {"prompt": prompt[1], "login": login, "password": "any"}
            answer = elsewhere.post(action[1], data=said)
        return Signed(client, client.get(back))


@dataclass
class Signed:
    """A browser, and what the dashboard answered when it was to be signed in."""

    client: httpx.Client
    answer: httpx.Response


def _location(answer: httpx.Response) -> str:
    return answer.headers.get("location", "")


@pytest.fixture(scope="session")
def served(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The made-up network behind a sign-in, with a certified provider beside it."""
    folder = tmp_path_factory.mktemp("guarded")
    port = free_port()
    with _provider(folder, f"http://127.0.0.1:{port}") as provider:
        _write(demo, folder, port, provider)
        for name, role in PEOPLE.items():
            done = pocnet("user", "add", name, str(folder), *role, said=PASSWORD)
            assert done.returncode == 0, done.stderr
        command = [*_POCNET, "serve", str(folder), "--port", str(port)]
        environ = {"POCNET_PROVIDER": "p0cnet", "PATH": "/usr/bin:/bin"}
        with serving_command(command, port, ROOT, environ) as url:
            yield Served(url, folder, provider)


@contextmanager
def _provider(folder: Path, dashboard: str) -> Iterator[str]:
    modules = modules_with("oidc", {"oidc-provider": "^9"})
    port, shell = free_port(), Path(__file__).with_name("provider.mjs")
    back = f"{dashboard}/sign-in/back"
    command = ["node", str(shell), str(modules), str(port), back]
    with running(Program(command, port, folder / "provider.log")):
        yield f"http://127.0.0.1:{port}"


def _write(demo: Demo, folder: Path, port: int, provider: str) -> None:
    text = (demo.folder / "network.toml").read_text()
    (folder / "network.toml").write_text(
        f"""{text}
[sign_in]
address = "http://127.0.0.1:{port}"

[sign_in.provider]
issuer = "{provider}"
client_id = "pocnet"
client_secret = {{ env = "POCNET_PROVIDER" }}

[[sign_in.provider.group]]
group = "leads"
role = "lead"

[[sign_in.provider.group]]
group = "manzanera"
role = "site"
site = "manzanera"
"""
    )
    (folder / "data").mkdir()
    (folder / "data" / "snapshots").symlink_to(demo.snapshots)
