"""Many viewers at once while runs publish: errors, pages a second, times, memory.

Run it: `python -m tests.bench.viewers [--viewers 200] [--seconds 90] [--settle 0]
[--workers 2] [--batches 10000]`. Beside this process are three: `pocnet serve` of a
made-up network, a run that corrects 300 results and publishes every ten seconds, and
the viewers, each with a role of its own, who open a page every 15 seconds. A page is
what a browser asks for whose cache holds the styles and scripts: the page itself, its
layout, its callbacks, then its content. A content with a figure that could not be made
is an error, and so is a connection that breaks and an answer that says it failed. What
is asked in the seconds of `--settle`, in which processes that have just begun make
everything for the first time, is told by itself. Whoever has asked when the time is
over waits for the answer; one that takes longer than PATIENCE is counted by itself:
nobody was turned away, but nobody waits so long either.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.bench.made_up import SITES, MadeUp, changed, made_up, slug
from tests.serving import free_port, serving_command

ROOT = Path(__file__).parents[2]
EVERY, PUBLISHED_EVERY, CORRECTED = 15.0, 10.0, 300
COOKIE = "pocnet_viewer"
GOAL, PATIENCE = 300, 300.0
PAGES = (
    *("/", "/throughput", "/failures", "/turnaround", "/harmonisation", "/capacity"),
    *("/quality", "/over-time", "/replay", "/re-manufacture", "/why"),
)
ROLES = (
    "lead", "public", *(f"authority:ES-R{n}" for n in range(6)),
    *(f"site:{slug(n)}" for n in range(SITES)),
)  # fmt: skip
FAILED = "could not be made"
# What the link to a figure says of it.
RUN = re.compile(r"in-run=(\d+)")


def publishing(made: MadeUp) -> None:
    """Publish at once, then every ten seconds, saying how long each run took."""
    from etl.build import build
    from etl.publish import publish
    from etl.run import edition
    from etl.store import Warehouse

    network, data = made.network(), made.folder / "data"
    hour = 0
    while True:
        began = time.perf_counter()
        if hour:
            changed(made, CORRECTED, hour)
        with Warehouse(data / "warehouse.duckdb") as warehouse:
            with warehouse.run(datetime.now(UTC)) as run:
                odd = build(warehouse, made.archive, network, run, kept=False)
                warehouse.finish(run, odd)
            publish(warehouse, edition(network), run, data / "snapshots")
        took = time.perf_counter() - began
        print(json.dumps({"run": run, "seconds": took}), flush=True)
        time.sleep(max(0.0, PUBLISHED_EVERY - took))
        hour += 1


class Viewers:
    """So many viewers who open pages for so many seconds; all from one process.

    `pages` and `requests` are pairs: when it was asked, and how long it took.
    """

    def __init__(self, url: str, viewers: int, seconds: float) -> None:
        self.url, self.viewers, self.seconds = url, viewers, seconds
        self.pages: list[tuple[float, float]] = []
        self.requests: list[tuple[float, float]] = []
        self.runs: list[tuple[float, int]] = []
        self.begun = time.perf_counter()
        self.errors: list[str] = []
        self.late = 0

    async def look(self) -> dict[str, Any]:
        began, spent = time.perf_counter(), time.process_time()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(
            base_url=self.url, timeout=PATIENCE, limits=limits
        ) as client:
            asked = (await client.get("/_dash-dependencies")).json()
            content = content_of(asked)
            until = began + self.seconds
            await asyncio.gather(
                *(self._one(client, content, n, until) for n in range(self.viewers))
            )
        took = time.perf_counter() - began
        return {
            "seconds": took,
            "cpu": time.process_time() - spent,
            "pages": self.pages,
            "requests": self.requests,
            "errors": self.errors,
            "runs": self.runs,
            "late": self.late,
        }

    async def _one(
        self, client: httpx.AsyncClient, content: dict[str, Any], n: int, until: float
    ) -> None:
        draw = random.Random(n)
        await asyncio.sleep(draw.uniform(0, EVERY))
        headers = {"Cookie": f"{COOKIE}={ROLES[n % len(ROLES)]}"}
        while (began := time.perf_counter()) < until:
            await self._open(client, headers, content, draw.choice(PAGES))
            self.pages.append(self._spent(began))
            await asyncio.sleep(max(0.0, began + EVERY - time.perf_counter()))

    def _spent(self, began: float) -> tuple[float, float]:
        return began - self.begun, time.perf_counter() - began

    async def _open(
        self,
        client: httpx.AsyncClient,
        headers: dict[str, str],
        content: dict[str, Any],
        path: str,
    ) -> None:
        def get(place: str) -> httpx.Request:
            return client.build_request("GET", place, headers=headers)

        await self._ask(client, get(path))
        await asyncio.gather(
            self._ask(client, get("/_dash-layout")),
            self._ask(client, get("/_dash-dependencies")),
        )
        inputs = [
            {**each, "value": {"pathname": path, "search": ""}[each["property"]]}
            if each["property"] in ("pathname", "search")
            else each
            for each in content["inputs"]
        ]
        said = {**content, "inputs": inputs}
        await self._ask(
            client,
            client.build_request(
                "POST", "/_dash-update-component", headers=headers, json=said
            ),
        )

    async def _ask(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        began = time.perf_counter()
        try:
            answer = await client.send(request)
        except httpx.ReadTimeout:
            self.late += 1
            return
        except httpx.HTTPError as error:
            self.errors.append(f"{request.url.path}: {type(error).__name__}")
            return
        self.requests.append(self._spent(began))
        if answer.status_code >= 400:
            self.errors.append(f"{request.url.path}: {answer.status_code}")
        elif FAILED in answer.text:
            self.errors.append(f"{request.url.path}: {FAILED}")
        elif of := RUN.search(answer.text):
            self.runs.append((time.perf_counter() - self.begun, int(of[1])))


def content_of(asked: list[dict[str, Any]]) -> dict[str, Any]:
    """The callback that brings a page's content, as a browser would ask for it."""
    (whole,) = (c for c in asked if "_pages_content.children" in c["output"])
    inputs = [
        {**e, "property": e["property"].removesuffix("_")} for e in whole["inputs"]
    ]
    outputs = [
        dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
        for part in whole["output"].strip(".").split("...")
    ]
    return {
        "output": whole["output"],
        "outputs": outputs,
        "inputs": whole["inputs"],
        "changedPropIds": [f"{each['id']}.{each['property']}" for each in inputs],
        "state": [],
    }


def serving(port: int) -> list[tuple[float, float]]:
    """MB resident and CPU seconds of each process that serves, the largest first.

    That is the command's own, and those it began.
    """
    found, second = [], os.sysconf("SC_CLK_TCK")
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            family = (place / "stat").read_text().rsplit(")", 1)[1].split()
            if str(port).encode() in words or _parent_serves(int(family[1]), port):
                lines = (place / "status").read_text().splitlines()
                (held,) = (x for x in lines if x.startswith("VmRSS"))
                spent = sum(map(int, family[11:13])) / second
                found.append((int(held.split()[1]) / 1024, spent))
    return sorted(found, reverse=True)


def _parent_serves(parent: int, port: int) -> bool:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        return str(port).encode() in words
    return False


@contextlib.contextmanager
def going_on(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.bench.viewers", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def bench(arguments: argparse.Namespace, folder: Path) -> None:
    made = made_up(folder, arguments.batches)
    port = free_port()
    pocnet = str(Path(sys.executable).with_name("pocnet"))
    serve = [pocnet, "serve", str(folder)]
    serve += ["--port", str(port)]
    if arguments.workers > 1:
        serve += ["--workers", str(arguments.workers)]
    with going_on(["--publish", str(folder), str(made.size)]) as publisher:
        assert publisher.stdout
        publisher.stdout.readline()
        with serving_command(serve, port, ROOT) as url:
            seconds = arguments.settle + arguments.seconds
            look = ["--look", url, str(arguments.viewers), str(seconds)]
            with going_on(look) as viewers:
                said, _ = viewers.communicate()
            report(json.loads(said), arguments.settle, serving(port))
        publisher.terminate()
        runs = [json.loads(each)["seconds"] for each in publisher.stdout]
    print(f"Published {len(runs)} times meanwhile, {np.mean(runs):.1f} s each.")


def report(
    told: dict[str, Any], settle: float, held: list[tuple[float, float]]
) -> None:
    took, cpu = told["seconds"], told["cpu"]
    for name in ("pages", "requests"):
        at, spent = np.array(told[name]).T
        if settle:
            print(f"In the first {settle:.0f} s ", end="")
            tell(name, spent[at < settle], settle)
        tell(name, spent[at >= settle], took - settle)
    later = sorted({run for at, run in told["runs"] if at >= settle})
    print(f"The pages were of the runs {', '.join(map(str, later))}.")
    print(f"{len(told['errors'])} errors {sorted(set(told['errors']))[:5]}")
    print(f"{told['late']} answers not yet there after {PATIENCE:.0f} s")
    print(f"The viewers' own process used {100 * cpu / took:.0f} % of a core.")
    each = ", ".join(f"{mb:,.0f} MB and {spent:,.0f} CPU s" for mb, spent in held)
    print(f"The processes that serve took {each}.")


def tell(name: str, spent: "np.ndarray[Any, Any]", seconds: float) -> None:
    p50, p95, p99 = np.percentile(1000 * spent, (50, 95, 99))
    print(
        f"{len(spent):,} {name}, {len(spent) / seconds:.1f} a second: median "
        f"{p50:,.0f} ms, p95 {p95:,.0f} ms, p99 {p99:,.0f} ms (goal {GOAL})"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--settle", type=float, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--publish", nargs=2)
    parser.add_argument("--look", nargs=3)
    arguments = parser.parse_args()
    if arguments.publish:
        folder, size = arguments.publish
        publishing(MadeUp(Path(folder), int(size)))
    elif arguments.look:
        url, viewers, seconds = arguments.look
        look = Viewers(url, int(viewers), float(seconds)).look()
        print(json.dumps(asyncio.run(look)))
    else:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        with tempfile.TemporaryDirectory() as temporary:
            bench(arguments, Path(temporary) / "network")


if __name__ == "__main__":
    main()
