"""Write fhir_profiles/valuesets/ from scripts/terminology_source/: one FHIR R4 ValueSet a table, SNOMED CT apart.

`python scripts/build_valuesets.py` writes; with `--check` it only says whether what is committed is what would be
written, and exits 1 if not. Nothing but the standard library is needed.
"""

import csv
import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Path(__file__).resolve().parent / "terminology_source"
TARGET = ROOT / "fhir_profiles" / "valuesets"
CANONICAL = "http://second-read.org/fhir"
VERSION = "0.1.0"
DATE = "2026-11-21"
SNOMED = "SCT"
DICOM_NOTICE_SETS = {"body-regions"}

Row = dict[str, str]


def extension(name: str, kind: str, value: str) -> Row:
    """One extension on compose.include; it holds for every concept of that include."""
    return {"url": f"{CANONICAL}/StructureDefinition/member-{name}", f"value{kind}": value}


def traits(row: Row) -> list[Row]:
    """What the table says of a code beyond its name."""
    return [
        *([extension("group", "String", row["group"])] if row["group"] else []),
        *(extension("region", "Code", region) for region in row["regions"].split()),
        *([extension("modality", "Code", row["modality"])] if row["modality"] else []),
        *([extension("match", "Code", row["match"])] if row["match"] else []),
        *([extension("needs-cancer", "Code", row["needs_cancer"])] if row["needs_cancer"] else []),
        *([extension("trait", "String", row["trait"])] if row["trait"] else []),
    ]


def concept(row: Row) -> dict[str, Any]:
    """One concept; a DICOM body part string is another designation of its site."""
    made: dict[str, Any] = {"code": row["code"], "display": row["display"]}
    if row["also"]:
        made["designation"] = [{"value": row["also"]}]
    return made


def includes(rows: list[Row], systems: dict[str, str]) -> list[dict[str, Any]]:
    """The rows as includes: codes of one system that the table says the same of stand together."""

    def alike(row: Row) -> str:
        return json.dumps([row["system"], traits(row)])

    made = []
    for _, together in groupby(sorted(rows, key=alike), key=alike):
        members = sorted(together, key=lambda row: row["code"])
        include: dict[str, Any] = {"system": systems[members[0]["system"]], "concept": [concept(m) for m in members]}
        said = traits(members[0])
        made.append({"extension": said, **include} if said else include)
    return made


def value_set(id: str, about: Row, parts: list[dict[str, Any]], used: set[str], notices: dict[str, str]) -> str:
    """One ValueSet as JSON text, a concept a line."""
    suffix = " (SNOMED CT)" if id.endswith("-snomed") else ""
    head: dict[str, Any] = {
        "resourceType": "ValueSet",
        "id": id,
        "url": f"{CANONICAL}/ValueSet/{id}",
        "version": VERSION,
        "name": about["name"] + ("Snomed" if suffix else ""),
        "title": about["title"] + suffix,
        "status": "draft",
        "experimental": False,
        "date": DATE,
        "publisher": "The Second Read developers",
        "description": about["purpose"],
        "copyright": "\n".join(notices[system] for system in sorted(used) if system in notices),
        "compose": "@compose",
    }
    if not head["copyright"]:
        del head["copyright"]
    lines = []
    for part in parts:
        front = {key: value for key, value in part.items() if key != "concept"}
        text = json.dumps(front, ensure_ascii=False)
        if "concept" in part:
            concepts = ",\n".join(json.dumps(one, ensure_ascii=False) for one in part["concept"])
            text = f'{text[:-1]}, "concept": [\n{concepts}\n]}}'
        lines.append(text)
    compose = '{"include": [\n' + ",\n".join(lines) + "\n]}"
    return json.dumps(head, ensure_ascii=False, indent=1).replace('"@compose"', compose) + "\n"


def build() -> dict[str, str]:
    """File name -> text of every value set."""
    about = json.loads((SOURCE / "sets.json").read_text("utf-8"))
    files = {}
    for id, words in about["sets"].items():
        with (SOURCE / f"{id}.csv").open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table))
        snomed = [row for row in rows if row["system"] == SNOMED]
        others = [row for row in rows if row["system"] != SNOMED]
        parts = includes(others, about["systems"])
        if snomed:
            apart = f"{id}-snomed"
            groups = [extension("group", "String", group) for group in sorted({row["group"] for row in snomed} - {""})]
            imported: dict[str, Any] = {"valueSet": [f"{CANONICAL}/ValueSet/{apart}"]}
            parts.append({"extension": groups, **imported} if groups else imported)
            used = {SNOMED, "DCM"} if id in DICOM_NOTICE_SETS else {SNOMED}
            text = value_set(apart, words, includes(snomed, about["systems"]), used, about["copyright"])
            files[f"snomed/{apart}.json"] = text
        used = {row["system"] for row in others}
        files[f"{id}.json"] = value_set(id, words, parts, used, about["copyright"])
    return files


def main() -> int:
    """Write the files, or only compare them."""
    files = build()
    stale = [
        name
        for name, text in files.items()
        if not (TARGET / name).exists() or (TARGET / name).read_text("utf-8") != text
    ]
    extra = [
        str(p.relative_to(TARGET)) for p in sorted(TARGET.rglob("*.json")) if str(p.relative_to(TARGET)) not in files
    ]
    if "--check" in sys.argv:
        print("\n".join(f"not as built: {name}" for name in [*stale, *extra]) or "value sets are as built")
        return 1 if stale or extra else 0
    (TARGET / "snomed").mkdir(parents=True, exist_ok=True)
    for name in stale:
        (TARGET / name).write_text(files[name], "utf-8")
    for name in extra:
        (TARGET / name).unlink()
    print(f"{len(files)} value sets, {len(stale)} written, {len(extra)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
