"""The two messy workbooks, cell by cell as their sites keep them."""

from datetime import date
from pathlib import Path

from xlsxwriter import Workbook

REGISTER = [
    ["DF-01", "Moreau Claire", date(1968, 3, 2), "AAC", date(2025, 1, 13),
     date(2025, 1, 14), date(2025, 1, 15), date(2025, 1, 24), date(2025, 2, 4),
     93.5, 97.2, 33.1, 1.8, "< 0,5", "Absence de croissance", "Négatif",
     "Libéré", date(2025, 1, 29), "Libéré", date(2025, 2, 10), 2, "fraîche", None],
    ["DF-02", "Petit Alain", date(1951, 9, 17), "Essai clinique", date(2025, 1, 27),
     date(2025, 1, 27), date(2025, 1, 28), date(2025, 2, 6), date(2025, 2, 18),
     90.2, 98.0, 27.9, 2.2, "< 0,5", "Absence de croissance", "Négatif",
     "Libéré", date(2025, 2, 11), "Libéré", date(2025, 2, 25), 1, "fraîche", "RAS"],
    ["DF-03", "Roux Bernard", date(1990, 12, 30), "AAC", date(2025, 2, 10),
     date(2025, 2, 11), date(2025, 2, 12), date(2025, 2, 21), None,
     69.8, 95.4, 11.2, 0.9, "0,7", "En cours", "Négatif",
     "Rejeté", date(2025, 2, 26), None, None, 0, "congelée", "viabilité insuffisante"],
    ["DF-04", "Garnier Odile", date(1975, 5, 8), "Usage compassionnel",
     date(2025, 3, 3), date(2025, 3, 4), date(2025, 3, 5), date(2025, 3, 14),
     date(2025, 3, 25), 95.1, 98.8, 40.3, 2.6, "< 0,5", "Absence de croissance",
     "Négatif", "Libéré", date(2025, 3, 19), "Libéré", date(2025, 3, 31), 2,
     "fraîche", None],
]  # fmt: skip
CAPACITY = [
    [date(2025, 3, 3), "Sala blanca", 4, 4, 3, 3, 1, 1, "Falta de personal"],
    [date(2025, 3, 3), "Cabina", 6, 5, 5, 4, 0, None, None],
    [date(2025, 3, 10), "Sala blanca", 4, 2, 2, 2, 3, 2, "Mantenimiento"],
    [date(2025, 3, 10), "Cabina", 6, 5, 5, 5, 0, None, None],
    [date(2025, 3, 17), "Sala blanca", 4, 4, 4, 3, 2, 1, "Avería equipo"],
    [date(2025, 3, 17), "Cabina", 6, 6, 5, 5, 1, None, None],
]


def write_register(path: Path) -> None:
    """A French unit's register: a title, a note, and a header of two merged rows."""
    with Workbook(path) as book:
        bold = book.add_format({"bold": True, "border": 1})
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        sheet = book.add_worksheet("Registre 2025")
        sheet.merge_range("A1:W1", "Registre de production – UPTI", bold)
        sheet.write("A2", "Mis à jour le 02/04/2025 – ne pas diffuser")
        groups = [
            ("A4:A5", "N° lot"), ("B4:D4", "Patient"),
            ("E4:I4", "Fabrication"), ("J4:P4", "Contrôle qualité (produit fini)"),
            ("Q4:R4", "Libération provisoire"), ("S4:T4", "Libération définitive"),
            ("U4:U5", "Nb doses"), ("V4:V5", "Matière première"),
            ("W4:W5", "Remarques"),
        ]  # fmt: skip
        for place, said in groups:
            sheet.merge_range(place, said, bold)
        lower = ["Nom", "Date naiss.", "Cadre réglementaire", "Cytaphérèse",
                 "Réception", "Début culture", "Récolte", "Réinjection",
                 "Viabilité %", "Pureté CD3 %", "Transduction %", "VCN",
                 "Endotoxines UE/mL", "Stérilité", "Mycoplasmes",
                 "Décision prov.", "Date prov.", "Décision déf.",
                 "Date déf."]  # fmt: skip
        sheet.write_row("B5", lower, bold)
        for row, cells in enumerate(REGISTER, start=5):
            for column, cell in enumerate(cells):
                sheet.write(row, column, cell, day if isinstance(cell, date) else None)
        book.add_worksheet("Aide").write("A1", "Voir la procédure PRO-017")


def write_capacity(path: Path) -> None:
    """A Spanish unit's weeks, with notes on top."""
    with Workbook(path) as book:
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        sheet = book.add_worksheet("Ocupación")
        sheet.write("A1", "Ocupación semanal de la unidad (inicios de lote posibles)")
        sheet.write("A2", "Responsable: jefatura de producción")
        header = ["Semana (lunes)", "Recurso", "Capacidad teórica", "Con personal",
                  "Reservados", "Usados", "En espera", "Perdidos",
                  "Causa de la pérdida"]  # fmt: skip
        sheet.write_row("A5", header, book.add_format({"bold": True}))
        for row, cells in enumerate(CAPACITY, start=5):
            for column, cell in enumerate(cells):
                sheet.write(row, column, cell, day if isinstance(cell, date) else None)
