"""Files as sites really write them, read by the connector and mapped."""

from pathlib import Path

import polars as pl
import pytest

from connectors import open_source
from etl.mapping import map_page, styles
from etl.network import Site, load_network

NETWORK = """\
[network]
name = "Test network"
[[product]]
product = "car-t-cd19"
title = "CD19"
product_class = "car_t"
"""
HEAD = """\
site = { name = "A site", country = "ES", kind = "manufacturer", stage = "active" }
privacy = { key = { env = "KEY" }, key_id = "k1" }
source.main = { kind = "files", folder = "../drop" }
"""


def load(folder: Path, mapping: str, **files: bytes) -> Site:
    for name in ("sites", "drop", "drop/old"):
        (folder / name).mkdir()
    (folder / "network.toml").write_text(NETWORK)
    (folder / "sites" / "alpha.toml").write_text(HEAD + mapping, encoding="utf-8")
    for name, content in files.items():
        (folder / "drop" / f"{name}.csv").write_bytes(content)
    return load_network(folder, {"KEY": "a key"}).sites["alpha"]


def read(site: Site) -> tuple[pl.DataFrame, pl.DataFrame]:
    pages = [
        map_page(page, rules, site.slug)
        for rules in site.datasets
        for page in open_source(site.sources[str(rules.source)])(rules.extract, None)
    ]
    frames = pl.concat([page.frame for page in pages], how="diagonal")
    return frames, pl.concat([page.rejects for page in pages])


def test_a_spanish_file_in_latin_1_with_one_column_per_test(tmp_path):
    site = load(
        tmp_path,
        """
style = { decimal = ",", dates = "dmy", time_zone = "Europe/Madrid", language = "es" }
[[dataset]]
name = "result"
from = "qc_*.csv"
read = { delimiter = ";", encoding = "latin-1" }
[dataset.columns]
batch = "Nº de lote"
sampled = "Fecha"
stage = { constant = "post_thaw" }
[[dataset.each]]
when = "Viab (%)"
columns = { parameter = { constant = "viability" }, value = "Viab (%)" }
[[dataset.each]]
when = "Endotoxinas (UI/ml)"
columns = { parameter = { constant = "endotoxin" }, value = "Endotoxinas (UI/ml)" }
[[dataset.each]]
when = "CAR+"
[dataset.each.columns]
parameter = { constant = "car_positive" }
value = { column = "CAR+", fraction = true }
""",
        qc_2024=(
            "Nº de lote;Paciente;Fecha;Viab (%);Endotoxinas (UI/ml);CAR+\r\n"
            "L-01 ;Ana Gil;15/03/24;97,1;<0,3;0,41\r\n"
            "L-02;Juan Mas;16/03/24;;nd;\r\n"
            "L-03;Eva Paz;17/03/24;; ;\r\n"
        ).encode("latin-1"),
    )
    frame, rejects = read(site)
    assert frame.select("batch", "parameter", "value", "sampled", "_ref").rows() == [
        ("L-01", "viability", "97,1", "15/03/24", "line 2"),
        ("L-01", "endotoxin", "<0,3", "15/03/24", "line 2"),
        ("L-01", "car_positive", "0,41", "15/03/24", "line 2"),
        ("L-02", "endotoxin", "nd", "16/03/24", "line 3"),
    ]
    assert rejects.select("rule", "ref").rows() == [("empty_record", "line 4")]
    written = styles(site.datasets[0], site.style)
    assert written["sampled"]["dates"] == "dmy"
    assert written["value"] | {"fraction": True} == written["value#2"]
    assert "Gil" not in str(frame.to_dicts()) + str(rejects.to_dicts())


def test_a_german_file_with_a_byte_order_mark_and_codes_with_umlauts(tmp_path):
    site = load(
        tmp_path,
        """
style = { decimal = ",", dates = "dmy", language = "de" }
[[dataset]]
name = "batch"
from = "chargen.csv"
read = { delimiter = ";" }
[dataset.columns]
batch = "Chargen-Nr."
product = { constant = "car-t-cd19" }
started = "Prozessbeginn"
failure_stage = { column = "Abbruch in", codes = { "Prüfung" = "quality_control" } }
[dataset.columns.pathway]
column = "Rechtsgrundlage"
codes = { "§ 4b AMG" = "hospital_exemption", "Härtefall" = "compassionate_use" }
""",
        chargen=(
            "\ufeffChargen-Nr.;Rechtsgrundlage;Prozessbeginn;Abbruch in\n"
            "C 1;§ 4b AMG;01.02.2024;\n"
            "C 2;HÄRTEFALL;02.02.2024;prüfung\n"
            "C 3;Studie;03.02.2024;\n"
        ).encode(),
    )
    frame, rejects = read(site)
    assert frame.select("batch", "pathway", "failure_stage").rows() == [
        ("C 1", "hospital_exemption", None),
        ("C 2", "compassionate_use", "quality_control"),
        ("C 3", "Studie", None),
    ]
    assert rejects.is_empty()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_french_file_with_quotes_and_one_decision_per_column(tmp_path, encoding):
    site = load(
        tmp_path,
        f"""
style = {{ decimal = ",", dates = "dmy", language = "fr" }}
[[dataset]]
name = "release"
from = "libération.csv"
read = {{ delimiter = ";", encoding = "{encoding}" }}
columns = {{ batch = "N° de lot" }}
[[dataset.each]]
when = "Libération provisoire"
[dataset.each.columns]
gate = {{ constant = "provisional" }}
decided = "Libération provisoire"
decision = {{ constant = "released" }}
[[dataset.each]]
when = "Décision finale"
[dataset.each.columns]
gate = {{ constant = "final" }}
decided = "Date de la décision"
decision = {{ column = "Décision finale", codes = {{ "Accepté" = "released", \
"Refusé" = "rejected" }} }}
""",
        libération=(
            "N° de lot;Libération provisoire;Décision finale;Date de la décision\n"
            '"L;1";03/04/24;refusé;17/04/24\n'
            "L2;04/04/24;;\n"
        ).encode(encoding),
    )
    frame, rejects = read(site)
    assert frame.select("batch", "gate", "decided", "decision").rows() == [
        ("L;1", "provisional", "03/04/24", "released"),
        ("L;1", "final", "17/04/24", "rejected"),
        ("L2", "provisional", "04/04/24", "released"),
    ]
    assert rejects.is_empty()


def test_one_dataset_from_two_systems_of_one_site(tmp_path):
    site = load(
        tmp_path,
        """
[source.archive]
kind = "files"
folder = "../drop/old"
[[dataset]]
name = "material"
source = "main"
from = "vectors.csv"
columns = { batch = "batch", kind = { constant = "vector" }, lot = "vector lot" }
[[dataset]]
name = "material"
source = "archive"
from = "*.csv"
read = { delimiter = ";" }
columns = { batch = "Lote", kind = "Tipo", lot = "Nº", supplier = "Casa" }
""",
        vectors=b"batch,vector lot\nA1,V-7\n",
        **{"old/2019": "Lote;Tipo;Nº;Casa\nB1;medium;M 1;Acme\n".encode()},
    )
    frame, _ = read(site)
    assert frame.select("site", "batch", "kind", "lot", "supplier").rows() == [
        ("alpha", "A1", "vector", "V-7", None),
        ("alpha", "B1", "medium", "M 1", "Acme"),
    ]
    assert frame["_origin"].to_list() == ["vectors.csv", "2019.csv"]
