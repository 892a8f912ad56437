"""Made-up results of a laboratory, and the systems that it may keep them in."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

import numpy as np
import polars as pl

PAGE = 10_000
TESTS = (
    ("viability", "%", "cd45_cd3", 88.0, 4.0),
    ("cd3_purity", "%", "cd45_cd3", 91.0, 3.0),
    ("car_positive", "%", "cd3", 35.0, 9.0),
    ("vcn", "copies/cell", "cells", 2.0, 0.5),
    ("endotoxin", "EU/mL", "-", 0.3, 0.1),
    ("dose", "cells/kg", "cells", 1.5e6, 2e5),
)
STAGES = ("starting_material", "in_process", "final_product", "post_thaw")
A_BATCH = 30
NETWORK = """
[network]
name = "Benchmark"
today = 2026-11-16
[reporting]
days = 14
[[product]]
product = "car-t-cd19"
title = "CD19 CAR-T"
product_class = "car_t"
source = "autologous"
"""
_SITE = """
[site]
name = "Alpha"
country = "ES"
region = "ES-CT"
kind = "manufacturer"
stage = "active"
[source.main]
{{source}}
[style]
dates = "dmy"
[privacy]
key = {{{{ env = "POCNET_KEY_BENCH" }}}}
key_id = "k1"
[[dataset]]
name = "result"
from = "{place}"
read = {{{{ {read} }}}}
columns = {{{{ batch = "Lot", parameter = "Test", population = "Cells", stage = "Stage", replicate = "Replicate", value = "Value", unit = "Unit", sampled = "Sampled" }}}}
"""  # noqa: E501
SITE = {
    "CSV": _SITE.format(place="results.csv", read=""),
    "PostgreSQL": _SITE.format(place="results", read='key = "Id"'),
    "REST": _SITE.format(
        place="/results",
        read='key = "Id", records = "items", paging = "cursor", next = "next", '
        f'parameter = "after", page_size = {PAGE}',
    ),
}


def results(rows: int) -> pl.DataFrame:
    """So many results, 30 a batch, written as a laboratory writes them."""
    random = np.random.default_rng(7)
    at = np.arange(rows)
    within = at % A_BATCH
    test = within % len(TESTS)
    mean, spread = (np.array([t[i] for t in TESTS])[test] for i in (3, 4))
    value = np.abs(mean + random.normal(size=rows) * spread).round(2)
    day = np.datetime64("2024-01-01") + at // A_BATCH % 900
    return pl.select(
        Id=pl.Series(at + 1).cast(pl.String),
        Lot=pl.format("L-{}", pl.Series(100_000 + at // A_BATCH)),
        Test=pl.Series([t[0] for t in TESTS]).gather(test),
        Cells=pl.Series([t[2] for t in TESTS]).gather(test),
        Stage=pl.Series(STAGES).gather(within // 8),
        Replicate=pl.Series(within).cast(pl.String),
        Value=pl.Series(value).cast(pl.String),
        Unit=pl.Series([t[1] for t in TESTS]).gather(test),
        Sampled=pl.Series(day).dt.strftime("%d/%m/%Y"),
        Analyst=pl.lit("Núria Example"),
    )


@contextmanager
def serve(frame: pl.DataFrame) -> Iterator[str]:
    """The address of a server with these results, in a process of its own."""
    answers = [
        _answer(frame.slice(first, PAGE), first, frame.height)
        for first in range(0, frame.height, PAGE)
    ]
    here, there = get_context("spawn").Pipe()
    server = get_context("spawn").Process(
        target=_serve, args=(there, answers), daemon=True
    )
    server.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        server.terminate()
        server.join()


def _answer(page: pl.DataFrame, first: int, rows: int) -> bytes:
    more = {"next": str(first + PAGE)} if first + PAGE < rows else {}
    return json.dumps({"items": page.to_dicts(), **more}).encode()


def _serve(pipe: Connection, answers: list[bytes]) -> None:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            after = parse_qs(urlsplit(self.path).query).get("after", ["0"])[0]
            sent = answers[int(after) // PAGE]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    pipe.send(server.server_address[1])
    threading.Thread(target=server.serve_forever).run()
