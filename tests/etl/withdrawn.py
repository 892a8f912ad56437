"""A network one of whose batches is withdrawn, and where its pseudonym still stands."""

import shutil
from pathlib import Path

import duckdb
import polars as pl

from etl.network import Network, load_network
from etl.pseudonym import pseudonym
from tests.etl.drops import BATCHES, ENVIRON, SITE, drop, edit, write_network
from tests.etl.pulling import pulled

KEY = ENVIRON["POCNET_KEY_TEST"]
GONE = pseudonym("alpha-002", "alpha", KEY, "k1")
ORDER = pseudonym("A-2", "alpha", KEY, "k1")
STAYS = pseudonym("alpha-001", "alpha", KEY, "k1")
MORE = """
[[dataset]]
name = "demand"
from = "orders.csv"
columns = { order_key = "Order", product = { constant = "car-t-cd19" }, ordered = "Day" }
[[dataset]]
name = "result"
from = "results*.csv"
columns = { batch = "Batch", parameter = { constant = "viability" }, population = { constant = "cd3" }, stage = { constant = "final_product" }, unit = { constant = "%" }, value = "Viability", sampled = "Day" }
[[dataset]]
name = "material"
from = "lots.csv"
columns = { batch = "Batch", kind = { constant = "vector" }, lot = "Lot" }
[[dataset]]
name = "deviation"
from = "deviations.csv"
columns = { deviation = "Number", batch = "Batch", grade = { constant = "minor" }, opened = "Day" }
"""  # noqa: E501
LABORATORY = """
[[dataset]]
name = "result"
from = "counts.csv"
columns = { site = { constant = "alpha" }, batch = "Label", parameter = { constant = "viability" }, population = { constant = "cd3" }, stage = { constant = "in_process" }, unit = { constant = "%" }, value = "Viability", sampled = "Day" }
"""  # noqa: E501
FILES = {
    "orders.csv": "Order,Day\nA-1,01/08/2026\nA-2,08/09/2026\nA-3,10/10/2026\n",
    "results.csv": "Batch,Viability,Day\nalpha-001,91,14/08/2026\n"
    "alpha-002,88,21/09/2026\nalpha-002,nonsense,21/09/2026\n",
    # Named by its batch, as many systems do.
    "results_alpha-002.csv": "Batch,Viability,Day\nalpha-002,87,22/09/2026\n",
    "lots.csv": "Batch,Lot\nalpha-001,V1\nalpha-002,V1\n",
    "deviations.csv": "Number,Batch,Day\nD-1,alpha-001,15/08/2026\n"
    "D-2,alpha-002,22/09/2026\nD-3,,01/10/2026\n",
}


def write(folder: Path) -> Path:
    """A network whose site alpha sends six datasets, and a laboratory one for it."""
    write_network(folder, ("alpha", "beta"))
    edit(
        folder,
        "alpha",
        'batch = "Batch", started',
        'batch = "Batch", order_key = "Order", started',
    )
    edit(
        folder,
        "alpha",
        "joined = 2026-08-03",
        'joined = 2026-08-03\nlaboratories = ["lab"]',
    )
    own = folder / "sites" / "alpha.toml"
    own.write_text(own.read_text() + MORE)
    head, _, _ = SITE.format(slug="lab").partition("[[dataset]]")
    lab = head.replace('"manufacturer"', '"testing_laboratory"') + LABORATORY
    (folder / "sites" / "lab.toml").write_text(lab)
    lines = BATCHES.format(slug="alpha").splitlines()
    orders = ("Order", "A-1", "A-2", "A-3", "A-3", "A-4")
    ordered = [f"{line},{order}" for line, order in zip(lines, orders, strict=True)]
    drop(folder, "alpha", {**FILES, "batches.csv": "\n".join(ordered) + "\n"})
    counts = f"Label,Viability,Day\n{GONE},93,12/09/2026\n{STAYS},94,05/08/2026\n"
    drop(folder, "lab", {"counts.csv": counts})
    return folder


def prepared(folder: Path) -> Path:
    """That network after two runs, the second of which saw a correction."""
    write(folder)
    pulled(folder)
    corrected = (folder / "drops/alpha/batches.csv").read_text()
    corrected = corrected.replace("20/09/2026,15/10/2026", "20/09/2026,16/10/2026")
    drop(folder, "alpha", {"batches.csv": corrected})
    pulled(folder)
    return folder


def network(folder: Path) -> Network:
    return load_network(folder, ENVIRON)


def holding(place: Path, said: str) -> list[str]:
    """The files that hold a text: in their bytes, their columns or their tables."""
    found = []
    for path in sorted(place.rglob("*")):
        if path.is_file() and not path.is_symlink() and _holds(path, said):
            found.append(path.relative_to(place).as_posix())
    return found


def _holds(path: Path, said: str) -> bool:
    raw = path.read_bytes()
    if said.encode() in raw:
        return True
    if raw[:4] == b"PAR1":
        return _in_frame(pl.read_parquet(path), said)
    return path.suffix == ".duckdb" and _in_base(path, said)


def _in_frame(frame: pl.DataFrame, said: str) -> bool:
    texts = frame.select(pl.all().cast(pl.String, strict=False))
    return any(texts[c].str.contains(said, literal=True).any() for c in texts.columns)


def _in_base(path: Path, said: str) -> bool:
    with duckdb.connect(":memory:") as base:
        base.execute(f"attach '{path}' as held (read_only)")
        asked = "select table_name from duckdb_tables() where database_name = 'held'"
        for (table,) in base.sql(asked).fetchall():
            rows = base.sql(
                f'select held.main."{table}"::varchar from held.main."{table}"'
            )
            if any(said in str(row[0]) for row in rows.fetchall()):
                return True
    return False


def copied(folder: Path, into: Path) -> Path:
    return Path(shutil.copytree(folder, into / "network", symlinks=True))
