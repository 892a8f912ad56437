from typing import Any

import polars as pl

from connectors.standins import RedcapProject

TOKEN = "0123456789ABCDEF0123456789ABCDEF"

LOTS = pl.DataFrame(
    {
        "record_id": ["101", "102", "103"],
        "lote": ["L-1", "L-2", None],
        "cd3": [97.5, 98.0, None],
        "marcas___1": [1, 0, 0],
        "marcas___2": [0, 0, 0],
    }
)
RESULTS = pl.DataFrame(
    {
        "record_id": ["101", "101", "103"],
        "prueba": ["viab", "cd3", "viab"],
        "valor": ["<0,3", "98", "nd"],
    }
)


def project(**more: Any) -> RedcapProject:
    return RedcapProject(
        token=TOKEN,
        record_id="record_id",
        forms={"lotes": LOTS, "resultados": RESULTS},
        repeating=frozenset({"resultados"}),
        **more,
    )


def visits() -> RedcapProject:
    return RedcapProject(
        token=TOKEN,
        record_id="record_id",
        forms={
            "lotes": LOTS.with_columns(redcap_event_name=pl.lit("inicio_arm_1")),
            "control": pl.DataFrame(
                {
                    "record_id": ["101", "101", "102"],
                    "redcap_event_name": ["inicio_arm_1", "final_arm_1", "final_arm_1"],
                    "estado": ["a", "b", "c"],
                }
            ),
        },
    )


def sites() -> dict[str, RedcapProject]:
    return {
        "plain": project(),
        "visits": visits(),
        "hidden": project(hidden=frozenset({"cd3"})),
        "keyless": project(hidden=frozenset({"record_id"})),
        "dated": project(changed={"102": "2026-11-10 10:30:00"}),
        "deleted": project(
            changed={"102": "2026-11-10 10:30:00"},
            deleted={"9": "2026-11-10 10:31:00"},
        ),
        "unlogged": project(sees_log=False),
        "crashing": project(memory=1),
    }
