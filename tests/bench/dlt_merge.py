"""The same results merged by dlt into DuckDB; run by a Python that has dlt.

It infers types, normalises, loads and merges by key. It checks and publishes nothing.
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
import pyarrow.parquet as parquet

KEY = ("site", "batch", "parameter", "population", "stage")


def status(field):
    text = Path("/proc/self/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


@dlt.resource(name="results", write_disposition="merge", primary_key=KEY)
def results(paths):
    for path in paths:
        yield parquet.read_table(path)


def main():
    asked = json.loads(sys.argv[1])
    told = {"imported": status("VmRSS"), "seconds": {}, "cpu": {}, "peaks": {}}
    told["results"] = sum(parquet.read_metadata(p).num_rows for p in asked["first"])
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench",
            destination=dlt.destinations.duckdb(f"{folder}/loaded.duckdb"),
            dataset_name="bench",
            pipelines_dir=folder,
        )
        for name, paths in asked.items():
            Path("/proc/self/clear_refs").write_text("5")
            began, spent = time.perf_counter(), time.process_time()
            pipeline.run(results(paths))
            step = f"{name}: merge"
            told["seconds"][step] = time.perf_counter() - began
            told["cpu"][step] = time.process_time() - spent
            told["peaks"][step] = status("VmHWM") - told["imported"]
    print(json.dumps(told))


main()
