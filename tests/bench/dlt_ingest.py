"""The same results loaded by dlt into DuckDB; run by a Python that has dlt.

It reads, infers types, normalises and loads. It does not map, gate, pseudonymise or
check anything: what it takes is what moving the rows takes.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

import dlt
import duckdb
import pyarrow  # noqa: F401
from dlt.sources.filesystem import filesystem, read_csv, read_csv_duckdb
from dlt.sources.rest_api import rest_api_source
from dlt.sources.sql_database import sql_table

PAGE = 50_000


def peak():
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def source(settings, way):
    if settings["system"] == "CSV":
        files = filesystem(
            bucket_url=Path(settings["folder"]).as_uri(), file_glob="*.csv"
        )
        # Its reading by DuckDB as dicts fails with DuckDB 2.
        as_arrow = way == "arrow"
        rows = read_csv_duckdb(PAGE, use_pyarrow=True) if as_arrow else read_csv(PAGE)
        return (files | rows).with_name("results")
    if settings["system"] == "PostgreSQL":
        login = "{user}:{password}@{host}:{port}/{database}".format(**settings)
        backend = "pyarrow" if way == "arrow" else "sqlalchemy"
        return sql_table(
            f"postgresql+psycopg2://{login}",
            table="results",
            backend=backend,
            chunk_size=PAGE,
        )
    endpoint = {
        "path": "results",
        "data_selector": "items",
        "paginator": {
            "type": "cursor",
            "cursor_path": "next",
            "cursor_param": "after",
        },
    }
    resource = {"name": "results", "endpoint": endpoint}
    client = {"base_url": settings["url"]}
    return rest_api_source({"client": client, "resources": [resource]})


def main():
    asked = json.loads(sys.argv[1])
    settings = json.loads((Path(asked["folder"]) / "source.json").read_text())
    imported, began = peak(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/loaded.duckdb"
        pipeline = dlt.pipeline(
            "bench",
            destination=dlt.destinations.duckdb(path),
            dataset_name="bench",
            pipelines_dir=folder,
        )
        pipeline.run(source(settings, asked["as"]), write_disposition="replace")
        seconds, held = time.perf_counter() - began, peak() - imported
        with duckdb.connect(path) as loaded:
            rows = loaded.sql("select count(*) from bench.results").fetchall()[0][0]
    print(
        json.dumps(
            {"rows": rows, "seconds": {"loaded": seconds}, "peaks": {"loaded": held}}
        )
    )


main()
