"""Many people of all roles at once, signed in: whose data does each answer carry?

Run it: `python -m tests.bench.signed_in [--viewers 200] [--seconds 60] [--workers 2]`.
`pocnet serve` answers over the made-up network, where each viewer signs in with a
password and then asks for a page, a figure or a table every 15 seconds. Every answer
must name nobody but whom its reader sees by name, and be, but for the order of
attributes, what the same reader is answered when nobody else asks.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from dashboard.access.accounts import Accounts
from dashboard.access.store import Store
from dashboard.viewer import Viewer
from tests.bench.viewers import EVERY, content_of
from tests.demo import Demo, made
from tests.serving import ROOT, free_port, serving_command

PASSWORD = "correct horse battery"
PAGES = ("/", "/throughput", "/failures", "/capacity", "/quality", "/over-time")
CARDS = ("failure-funnel", "attention", "throughput-over-time", "quality-completeness")
QUESTIONS = (
    *(f"page {path}" for path in PAGES),
    *(f"/api/v1/cards/{card}" for card in CARDS),
    *(f"/api/v1/cards/{card}.csv" for card in CARDS[:2]),
    "/api/v1/",
    "/_dash-layout",
)
# Of how long ago a snapshot was published, the only words that pass with time.
_PASSING = re.compile(r"published [^\"<]* ago")


@dataclass(frozen=True)
class Person:
    """An account, and the sites that its answers may name."""

    name: str
    viewer: str
    sees: frozenset[str]


@dataclass
class Crowd:
    """People who ask at once, how long each waited, and what was wrong."""

    url: str
    people: Sequence[Person]
    sites: Mapping[str, str]
    questions: Sequence[str] = QUESTIONS
    every: float = 0.0
    waited: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    told: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)

    async def ask(self, viewers: int, seconds: float) -> None:
        """Let so many ask for so long; then each question once more, by one alone."""
        async with contextlib.AsyncExitStack() as stack:
            places = asyncio.Semaphore(4)
            clients = await asyncio.gather(
                *(self._signed_in(stack, places, n) for n in range(viewers))
            )
            asked = await clients[0].get("/_dash-dependencies")
            self.content = content_of(asked.json())
            until = time.perf_counter() + seconds
            await asyncio.gather(
                *(self._ask_on(c, n, until) for n, c in enumerate(clients))
            )
            await self._compare(dict(zip(map(self.person, range(viewers)), clients,
                                         strict=True)))  # fmt: skip

    def person(self, number: int) -> Person:
        return self.people[number % len(self.people)]

    async def _signed_in(
        self, stack: contextlib.AsyncExitStack, places: asyncio.Semaphore, number: int
    ) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=4, max_keepalive_connections=4)
        client = httpx.AsyncClient(base_url=self.url, timeout=300, limits=limits)
        await stack.enter_async_context(client)
        form = {"name": self.person(number).name, "password": PASSWORD}
        async with places:
            answer = await client.post("/sign-in/", data=form)
        if answer.status_code != 303:
            self.errors.append(f"sign-in: {answer.status_code}")
        return client

    async def _ask_on(
        self, client: httpx.AsyncClient, number: int, until: float
    ) -> None:
        draw, person = random.Random(number), self.person(number)
        await asyncio.sleep(draw.uniform(0, self.every))
        while time.perf_counter() < until:
            question = draw.choice(self.questions)
            began = time.perf_counter()
            said = await self._answer(client, question)
            self.waited.append(time.perf_counter() - began)
            self._check(person, question, said)
            await asyncio.sleep(max(0.0, began + self.every - time.perf_counter()))

    async def _answer(self, client: httpx.AsyncClient, question: str) -> str:
        try:
            if question.startswith("page "):
                answer = await client.post(
                    "/_dash-update-component", json=self._page(question[5:])
                )
            else:
                answer = await client.get(question)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}"
        return f"{answer.status_code} {answer.text}"

    def _page(self, path: str) -> dict[str, Any]:
        values = {"pathname": path, "search": ""}
        inputs = [
            {**each, "property": name, "value": values.get(name)}
            for each in self.content["inputs"]
            for name in [each["property"].removesuffix("_")]
        ]
        return {**self.content, "inputs": inputs}

    def _check(self, person: Person, question: str, said: str) -> None:
        if not said.startswith("200 ") or "could not be made" in said:
            self.errors.append(f"{person.viewer} {question}: {said[:60]}")
        foreign = [
            slug
            for slug, name in self.sites.items()
            if slug not in person.sees and (name in said or f'"{slug}"' in said)
        ]
        if foreign:
            self.errors.append(f"{person.viewer} {question} names {foreign}")
        told = hashlib.sha256(_ordered(said).encode()).hexdigest()
        self.told.setdefault((person.name, question), set()).add(told)

    async def _compare(self, clients: Mapping[Person, httpx.AsyncClient]) -> None:
        """Ask again with nobody else there; what differs is an error."""
        people = {person.name: person for person in clients}
        for (name, question), told in [*self.told.items()]:
            person = people[name]
            self._check(person, question, await self._answer(clients[person], question))
            if len(told) != 1:
                self.errors.append(
                    f"{person.viewer} {question} is not what it is alone"
                )


def _ordered(said: str) -> str:
    """An answer with attributes in an order of their own: each process has another."""
    lasting = _PASSING.sub("", said)
    try:
        return json.dumps(json.loads(lasting[4:]), sort_keys=True)
    except ValueError:
        return lasting


def people_of(demo: Demo) -> tuple[list[Person], dict[str, str]]:
    """One of every viewer that the network has, and the names of its sites."""
    rows = demo.rows(
        "select site, name, coalesce(region, '-') as region from site"
        " where kind <> 'published' order by site"
    ).rows()
    sites = {slug: name for slug, name, _ in rows}
    tested = demo.rows("select distinct site, laboratory from result").rows()

    def person(viewer: str, own: set[str]) -> Person:
        knows = own | {laboratory for site, laboratory in tested if site in own}
        return Person(
            re.sub(r"[^a-z0-9]", "-", viewer.lower()), viewer, frozenset(knows)
        )

    regions = sorted({region for *_, region in rows} - {"-"})
    people = [
        *(
            person(f"authority:{r}", {s for s, _, at in rows if at == r})
            for r in regions
        ),
        *(person(f"site:{slug}", {slug}) for slug in sites),
    ]
    others = [person("public", set()), person("auditor", set())]
    every = {"lead": {*sites}, "data_manager": {*sites}}
    others += [person(viewer, seen) for viewer, seen in every.items()]
    # Roles that are few in a network are many among those who look.
    return [p for n, each in enumerate(people) for p in (each, others[n % 4])], sites


@contextlib.contextmanager
def serving_people(demo: Demo, people: Sequence[Person], workers: int) -> Iterator[str]:
    """The address of the made-up network in which these people have accounts."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), free_port()
        text = (demo.folder / "network.toml").read_text()
        address = f'\n[sign_in]\naddress = "http://127.0.0.1:{port}"\n'
        (folder / "network.toml").write_text(text + address)
        (folder / "data").mkdir()
        (folder / "data" / "snapshots").symlink_to(demo.snapshots)
        accounts = Accounts(Store(folder / "data" / "access.sqlite"))
        for person in dict.fromkeys(people):
            accounts.add(person.name, Viewer.parse(person.viewer), PASSWORD)
        pocnet = str(Path(sys.executable).with_name("pocnet"))
        serve = [pocnet, "serve", str(folder), "--port", str(port)]
        if workers > 1:
            serve += ["--workers", str(workers)]
        with serving_command(serve, port, ROOT) as url:
            yield url


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    demo = made()
    people, sites = people_of(demo)
    with serving_people(demo, people, arguments.workers) as url:
        crowd = Crowd(url, people, sites, every=EVERY)
        asyncio.run(crowd.ask(arguments.viewers, arguments.seconds))
    p50, p95 = np.percentile(crowd.waited, (50, 95))
    print(
        f"{arguments.viewers} people of {len({*people})} viewers, {len(crowd.waited):,}"
        f" answers, each checked: median {p50:.2f} s, p95 {p95:.2f} s"
    )
    print(f"{len(crowd.told):,} questions asked again alone")
    print(f"{len(crowd.errors)} errors {sorted({*crowd.errors})[:5]}")


if __name__ == "__main__":
    main()
