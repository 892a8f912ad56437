"""What cell-manufacturing units really write, and nothing of it about a person.

Results, vocabularies, suppliers, methods, instruments, specification versions, lots,
counts and days, in six languages. `python -m tests.etl.clinical` prints what the gate
stops of it without need.
"""
# ruff: noqa: E501

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from etl.identifier_patterns import Column
from etl.identifiers import identifiers

SEED: Final = 7
PAGE: Final = 1_000
METHODS = (
    "flow cytometry", "Flow Cytometry (BD FACSLyric)", "citometría de flujo", "cytométrie en flux", "Durchflusszytometrie",
    "flödescytometri", "citofluorimetria", "Trypan Blue exclusion", "azul de tripano (Neubauer)", "bleu trypan",
    "Trypanblau", "trypanblått", "BacT/ALERT 3D", "BACTEC FX40", "LAL kinetic chromogenic", "LAL method D", "Gram Stain",
    "tinción de Gram", "coloration de Gram", "Gramfärbung", "qPCR", "ddPCR QX200", "Ph. Eur. 2.6.1", "Ph. Eur. 2.6.27",
    "USP <71>", "USP <85>", "JP XVI", "ELISA IFN-gamma", "Cytotoxicity 51Cr release", "NucleoCounter NC-200", "ViCell XR",
    "Rose Bengal", "Rosa Bengal", "Giemsa", "May-Grünwald-Giemsa", "Evans Blue", "Janus Green", "Nile Red", "Kaplan Meier",
    "Mantel Haenszel", "Karl Fischer", "Coulter DxH 900", "CliniMACS Prodigy", "Cocoon", "Cobe 2991", "Sepax C-Pro",
    "Lovo", "Xuri W25", "G-Rex 100M", "Quantum Flex", "Wave 25", "Western Blot", "Southern Blot", "Northern Blot",
    "Sanger sequencing", "NGS panel v2", "Spectra Optia", "Amicus", "mycoplasma NAT (MycoTOOL)", "MycoSEQ", "Endosafe PTS",
    "HLA typing SSO", "STR Identity", "karyotype G-banding", "cariotipo", "caryotype",
)  # fmt: skip
SUPPLIERS = (
    "Miltenyi Biotec", "Lonza", "Charles River", "Charles River Laboratories", "Carl Roth GmbH", "Carl Zeiss", "B. Braun",
    "B. Braun Melsungen AG", "Thermo Fisher", "Merck Millipore", "Sigma Aldrich", "Becton Dickinson", "Fresenius Kabi",
    "Paul Hartmann AG", "Robert Koch-Institut", "Paul-Ehrlich-Institut", "Eurofins Biolab", "Sartorius Stedim",
    "Bio-Rad", "Beckman Coulter", "Eli Lilly", "Ernst & Young", "Johnson & Johnson", "Max-Planck", "Grifols", "Baxter",
    "Octapharma", "CSL Behring", "Vueling Cargo", "World Courier", "Marken", "Cryoport", "PeproTech", "CellGenix",
    "R&D Systems", "Akron Biotech", "Irvine Scientific", "Gibco", "Corning", "Greiner Bio-One", "Eppendorf", "Roche",
    "bioMérieux", "Santa Cruz Biotechnology", "Cell Signaling", "BioLegend", "Abcam", "Banc de Sang i Teixits",
    "Établissement français du sang", "Karolinska Universitetssjukhuset", "Hospital Clínic", "Hospital Sant Joan de Déu",
    "Hospital Santa Creu i Sant Pau", "Clínica Universidad de Navarra", "Hôpital Saint-Louis", "Institut Gustave Roussy",
    "Charité Berlin", "Policlinico Gemelli", "Ospedale San Raffaele", "San Matteo", "Bambino Gesù", "King's College",
    "St Thomas", "Great Ormond Street", "Royal Free", "Anthony Nolan", "Sahlgrenska", "Akademiska sjukhuset", "DKMS",
)  # fmt: skip
WORDS = (
    "negative", "Negativ", "negativo", "négatif", "negativa", "positive", "no growth", "no growth after 14 days",
    "sin crecimiento", "sin crecimiento a los 14 días", "absence de croissance", "kein Wachstum", "ingen växt",
    "nessuna crescita", "conforme", "no conforme", "non conforme", "konform", "godkänd", "underkänd", "bestanden",
    "nicht bestanden", "pass", "fail", "compliant", "below LOQ", "< LOD", "not detected", "nicht nachweisbar", "no detectado",
    "non détecté", "non rilevato", "ej påvisad", "clear, colourless", "slightly turbid, container intact",
    "ligeramente turbio", "légèrement trouble", "leicht trüb", "leggermente torbido", "lätt grumlig", "yellowish, milky",
    "amarillento, sin agregados", "S. aureus", "E. coli", "C. albicans", "A. brasiliensis", "P. aeruginosa", "B. subtilis",
    "C. sporogenes", "Cutibacterium acnes", "Staphylococcus epidermidis", "M. orale", "Micrococcus luteus", "46,XX", "46,XY",
    "47,XY,+8", "HLA-DR Positive", "CD3+ CD19-", "CD45+/7-AAD-", "CAR+ Viable", "Naive T", "Tcm", "Tem", "Central Memory",
    "Released, Infused", "Released Under Exception", "Patient Died", "Patient Progressed", "Patient Withdrawn",
    "patient too ill", "paciente fallecido", "fallecimiento", "progresión de la enfermedad", "décès du patient",
    "progression", "Patient verstorben", "Krankheitsprogress", "paziente deceduto", "patienten avliden", "donor ineligible",
    "donante no apto", "Terminated: low viability", "Out of Specification", "fuera de especificación", "hors spécifications",
    "außerhalb der Spezifikation", "fuori specifica", "utanför specifikation", "pending", "pendiente", "en attente",
    "ausstehend", "in attesa", "väntar", "hospital exemption", "exención hospitalaria", "exemption hospitalière",
    "Krankenhausausnahme", "esenzione ospedaliera", "sjukhusundantag", "clinical trial", "ensayo clínico", "essai clinique",
    "klinische Prüfung", "sperimentazione clinica", "klinisk prövning", "Grade A in B", "Grado C", "Klasse D", "ISO 7",
    "X-VIVO 15", "TexMACS", "AIM V", "RPMI 1640", "Ringer Lactate", "Human Albumin 5 %", "Plasma-Lyte A", "CryoStor CS10",
    "DMSO 10 %", "aféresis fresca", "aphérèse congelée", "frische Apherese", "aferesi fresca", "färsk aferes", "bone marrow",
    "médula ósea", "moelle osseuse", "Knochenmark", "midollo osseo", "benmärg", "power failure", "corte de corriente",
    "panne de courant", "Stromausfall", "strömavbrott", "Bag Leak", "rotura de bolsa", "fuite de la poche", "Beutelleck",
    "human error", "error humano", "erreur humaine", "menschlicher Fehler", "mänskligt fel", "errore umano", "Incubator 3",
    "Isolator Nord", "Sala Blanca 2", "Reinraum Süd", "Cabina A", "Rum 12", "retest", "repetido", "répété", "wiederholt",
    "Left Bag", "Right Bag", "QC Lab", "Quality Control", "Control de Calidad", "Contrôle Qualité", "Qualitätskontrolle",
    "Kvalitetskontroll", "Controllo Qualità", "Madrid", "Cataluña", "Île-de-France", "Nordrhein-Westfalen", "Lombardia",
    "Västra Götaland", "ES-MD", "FR-IDF", "AEMPS", "ANSM", "Läkemedelsverket", "AIFA", "MHRA", "EMA",
)  # fmt: skip
UNITS = (
    "%",
    "EU/mL",
    "cells",
    "×10^6/mL",
    "copies/cell",
    "mL",
    "pg/mL",
    "UI/ml",
    "UFC",
    "KBE",
    "CFU/10 mL",
)
_RARE = (
    "%d/%m/%Y",
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d/%m/%y",
    "%y-%m-%d",
)
_FULL = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%dT10:00:00+01:00",
    "%Y%m%d",
)


def clinical(seed: int = SEED) -> Iterator[tuple[Column, list[str]]]:
    """A hundred thousand values, a page of one kind of column at a time."""
    chance = random.Random(seed)
    for column, (pages, make) in _KINDS.items():
        for _ in range(pages):
            yield column, [make(chance) for _ in range(PAGE)]


def stopped(seed: int = SEED) -> dict[str, tuple[int, Counter[str], list[str]]]:
    """For each kind of column: values, what they were taken for, and which they are."""
    found: dict[str, tuple[int, Counter[str], list[str]]] = {}
    for column, page in clinical(seed):
        kinds = identifiers(pl.Series(page), column, may_be_long=False)
        values, counted, texts = found.get(column, (0, Counter(), []))
        told = [(k, t) for k, t in zip(kinds, page, strict=True) if k is not None]
        counted.update(kind for kind, _ in told)
        found[column] = (values + len(page), counted, [*texts, *(t for _, t in told)])
    return found


def _digits(chance: random.Random, number: int) -> str:
    return f"{chance.randrange(10**number):0{number}}"


def _when(chance: random.Random) -> datetime:
    return datetime(2004, 1, 1) + timedelta(minutes=chance.randrange(11_900_000))


def _word(chance: random.Random) -> str:
    day = _when(chance)
    return chance.choice((
        chance.choice(METHODS), chance.choice(SUPPLIERS), chance.choice(WORDS),
        f"{chance.choice(METHODS)}, {chance.choice(WORDS)}",
        f"{chance.choice(METHODS)} {chance.choice(UNITS)}",
        f"{chance.choice(METHODS)} v{chance.randrange(9)}.{chance.randrange(9)}",
        f"{chance.choice(METHODS)} SN {_digits(chance, 8)}", f"{chance.choice(SUPPLIERS)} {_digits(chance, 3)}-{_digits(chance, 3)}-{_digits(chance, 3)}",
        f"{chance.choice(SUPPLIERS)} REF {_digits(chance, 9)}", f"SPEC-CART-{_digits(chance, 4)} v{chance.randrange(20)}",
        f"SOP-QC-{_digits(chance, 3)}/{day:%Y}", f"PNT {chance.randrange(99)}.{chance.randrange(99)} rev {chance.randrange(9)}",
        f"v{day:%Y-%m-%d}", f"{day:%Y-%m}", f"NCT0{_digits(chance, 7)}", f"{day:%Y}-{_digits(chance, 6)}-{_digits(chance, 2)}",
        f"{day:%Y}-5{_digits(chance, 5)}-{_digits(chance, 2)}-00", f"ISRCTN{_digits(chance, 8)}", f"AC{_digits(chance, 4)}",
        f"Lab {chance.randrange(40)}", f"replicate {chance.randrange(9)}", f"PE-{_digits(chance, 5)}", f"DEV-{day:%Y}-{_digits(chance, 4)}",
    ))  # fmt: skip


def _said(chance: random.Random) -> str:
    number = f"{chance.random() * 100:.1f}"
    return chance.choice((
        chance.choice(WORDS), chance.choice(WORDS), f"{chance.choice(WORDS)}; {chance.choice(WORDS)}",
        f"{chance.choice(WORDS)} ({number} %)", f"≥ {number} {chance.choice(UNITS)}", f"{number} - {_digits(chance, 2)} {chance.choice(UNITS)}",
        f"{chance.choice(METHODS)}: {chance.choice(WORDS)}", f"{chance.choice(METHODS)} {chance.choice(WORDS)}, n = {chance.randrange(30)}",
        f"CD4/CD8 {number}", f"{number}:1 E:T", f"{_digits(chance, 1)} UFC / {_digits(chance, 2)} ml", f"VCN {number} copies",
    ))  # fmt: skip


def _figure(chance: random.Random) -> str:
    count, share = chance.randrange(10**5, 10**11), chance.random() * 100
    rounded = round(count, -chance.randrange(3, 6))
    return chance.choice((
        f"{share:.1f}", f"{share:.4f}", f"{share:.2f}".replace(".", ","), f"<{share:.1f}", f"≥ {share:.0f}", f"{share:.3f} %", str(rounded),
        str(count), f"{count:.3e}", f"{count:,}", f"{count:,}".replace(",", "."), f"{count:,}".replace(",", " "),
        f"{share / 10:.2f} × 10^{chance.randrange(5, 10)}", f"{share / 10:.2f}E+0{chance.randrange(5, 10)}", f"{share:.1f} ± {share / 9:.1f}",
        f"{share:.12f}", f"{count / 7:.6f}", f"{share:.1f}-{share + 5:.1f}", f"{share:.1f} {chance.choice(UNITS)}", "n.d.", "negative",
        "nd", "-", "n/a", "pendiente", f"{chance.randrange(10**7)}", f"{chance.randrange(400)}",
    ))  # fmt: skip


def _date(chance: random.Random) -> str:
    day = _when(chance)
    serial = str((day - datetime(1899, 12, 30)).days)
    return chance.choice((*(f"{day:{form}}" for form in (*_RARE, *_FULL)), serial))


def _lot(chance: random.Random) -> str:
    day, letter = _when(chance), chance.choice("ABCDEFGHJKLMNPRSTUVWXYZ")
    return chance.choice((
        f"LV{day:%Y}-{_digits(chance, 3)}", f"{day:%Y%m%d}{_digits(chance, 2)}", f"{day:%y%m%d}-{_digits(chance, 2)}", _digits(chance, 10),
        _digits(chance, 7), _digits(chance, 9), _digits(chance, 8), f"{letter}{_digits(chance, 6)}", f"{_digits(chance, 8)}{letter}",
        f"{letter}{_digits(chance, 9)}", f"{_digits(chance, 2)}{letter}{_digits(chance, 4)}", f"{day:%y%m%d}-{_digits(chance, 4)}",
        f"{_digits(chance, 3)}-{_digits(chance, 3)}-{_digits(chance, 4)}", f"MO{_digits(chance, 5)}/{day:%y}", f"{_digits(chance, 5)} {letter}{letter}",
        f"BCB{_digits(chance, 4)}V", f"{letter}{letter}{_digits(chance, 6)}{letter}", f"{_digits(chance, 12)}", f"{day:%d%m%y}{_digits(chance, 3)}",
    ))  # fmt: skip


_KINDS: Final[Mapping[Column, tuple[int, Callable[[random.Random], str]]]] = {
    "words": (25, _word),
    "text": (20, _said),
    "figures": (25, _figure),
    "dates": (15, _date),
    "lots": (15, _lot),
}
if __name__ == "__main__":
    for kind, (number, counted, _) in stopped().items():
        print(f"{kind:8}{number:7}{counted.total():5} {dict(counted)}")  # noqa: T201
