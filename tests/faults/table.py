"""The table of faults that stands in the README."""

from collections.abc import Sequence

from tests.faults.test_faults import BY_FILE, BY_JSON, BY_SOCKET, CASES, case_of

TITLES = {
    "rest": "REST",
    "redcap": "REDCap",
    "labkey": "LabKey",
    "fhir": "FHIR",
    "webdav": "WebDAV",
    "s3": "S3",
    "https": "HTTPS",
    "sftp": "SFTP",
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
}


def markdown() -> str:
    """Both tables: systems asked over HTTP, and sessions of other protocols."""
    whole = [_table((*BY_JSON, *BY_FILE)), _table(BY_SOCKET)]
    return "\n\n".join([*whole, f"{len(CASES)} cases."])


def _table(kinds: Sequence[str]) -> str:
    names = dict.fromkeys(name for kind in kinds for name in case_of(kind))
    head = ["fault", *(TITLES[kind] for kind in kinds)]
    lines = [head, ["---"] * len(head)]
    lines += [[name, *(_cell(kind, name) for kind in kinds)] for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(kind: str, name: str) -> str:
    case = case_of(kind).get(name)
    if case is None:
        return "–"
    passing = case.outcome == "recovers" and kind in BY_FILE
    return "recovers or told" if passing else case.outcome
