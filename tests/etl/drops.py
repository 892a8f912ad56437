"""A small network folder whose sites leave CSV files, for tests of the pipeline."""

from collections.abc import Mapping
from pathlib import Path

ENVIRON = {"POCNET_KEY_TEST": "a key of the tests"}
SITES = ("alpha", "beta", "gamma")
NETWORK = """
[network]
name = "Test network"
today = 2026-11-16
[reporting]
days = 14
[[product]]
product = "car-t-cd19"
title = "CD19 CAR-T"
product_class = "car_t"
source = "autologous"
"""
SITE = """
[site]
name = "{slug}"
country = "ES"
region = "ES-CT"
kind = "manufacturer"
stage = "active"
joined = 2026-08-03
[source.main]
kind = "files"
folder = "../drops/{slug}"
[style]
dates = "dmy"
[privacy]
key = {{ env = "POCNET_KEY_TEST" }}
key_id = "k1"
[[dataset]]
name = "batch"
from = "batches*.csv"
columns = {{ batch = "Batch", started = "Start", harvested = "Harvest", ended = "End", product = {{ constant = "car-t-cd19" }}, pathway = {{ column = "Path", codes = {{ EC = "clinical_trial", HE = "hospital_exemption" }} }} }}
[[dataset]]
name = "release"
from = "releases.csv"
columns = {{ batch = "Batch", gate = {{ constant = "final" }}, decision = "Decision", decided = "Day" }}
[[dataset]]
name = "declared"
from = "declared.csv"
columns = {{ dataset = "Dataset", period = "Month", expected_rows = "Rows" }}
"""  # noqa: E501
BATCHES = """\
Batch,Start,Harvest,End,Path
{slug}-001,03/08/2026,13/08/2026,01/09/2026,EC
{slug}-002,10/09/2026,20/09/2026,15/10/2026,HE
{slug}-003,12/10/2026,24/10/2026,,HE
{slug}-003,12/10/2026,24/10/2026,,HE
{slug}-004,32/10/2026,,,HE
"""
RELEASES = """\
Batch,Decision,Day
{slug}-001,released,20/08/2026
{slug}-002,rejected,28/09/2026
"""
DECLARED = """\
Dataset,Month,Rows
batch,2026-08,1
batch,2026-09,1
batch,2026-10,2
"""


def write_network(folder: Path, sites: tuple[str, ...] = SITES) -> Path:
    """The folder of a network with these sites, each with its files."""
    (folder / "sites").mkdir(parents=True)
    (folder / "network.toml").write_text(NETWORK)
    for slug in sites:
        (folder / "sites" / f"{slug}.toml").write_text(SITE.format(slug=slug))
        drop(
            folder,
            slug,
            {
                "batches.csv": BATCHES.format(slug=slug),
                "releases.csv": RELEASES.format(slug=slug),
                "declared.csv": DECLARED,
            },
        )
    return folder


def drop(folder: Path, slug: str, files: Mapping[str, str | bytes]) -> None:
    """Put files into the folder where a site leaves its exports."""
    place = folder / "drops" / slug
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (place / name).write_bytes(data)


def edit(folder: Path, slug: str, old: str, new: str) -> None:
    """Change a site's settings file."""
    path = folder / "sites" / f"{slug}.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
