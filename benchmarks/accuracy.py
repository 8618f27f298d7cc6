"""How right the reader is on every labelled corpus of a directory, and what it finds in the unlabelled ones.

A corpus is a `*.jsonl` file. Lines with `start` and `end` mark a target and are labelled, either by `label` (one of the
seven assertions) or as the NegEx test kit is (`negation`, `temporality`, `experiencer`). Lines with `findings` are
chest radiograph reports with the names of `chest.yaml` that are there; others are reports to cover.

The kit has no class for what is only asked about or complained of: it calls that Recent, so `indication` counts as
neither historical nor hypothetical. A line has one answer: where it is a denial, the kit's temporality is not asked.
Run by `make accuracy DIR=...`; nothing of this is part of the service.
"""

import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from cds_service.content import content_folder
from cds_service.model import ReportPart
from cds_service.reading import Lexicon, load_lexicon, read
from cds_service.reading.lexicon import ASSERTIONS
from cds_service.workbench.mentions import findings_of
from cds_service.workbench.spans import said_of

KIT = {  # field -> class of the kit -> assertions that say the same
    "negation": {"Negated": {"absent"}},
    "temporality": {"Historical": {"historical"}, "Not particular": {"hypothetical"}},
    "experiencer": {"Family member": {"family"}, "Other": {"family"}},
}


def main() -> int:
    """Score every corpus of the directory named; 0 also where there is none, which is said."""
    folder = Path(sys.argv[1])
    console = Console(highlight=False)
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    if not files:
        console.print(f"There is no corpus in {folder}: nothing to score. Name a folder of *.jsonl files with DIR=…")
        return 0
    lexicon = load_lexicon(content_folder() / "cards" / "lexicon")
    for path in files:
        rows = [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
        labelled = [row for row in rows if "start" in row and ("label" in row or "negation" in row)]
        console.print(f"\n[bold]{path.name}[/]  {len(rows)} lines")
        chest = [row for row in rows if isinstance(row.get("findings"), list)]
        if labelled:
            score(labelled, lexicon, console)
        elif chest:
            score_reports(chest, lexicon, console)
        else:
            cover([row["text"] for row in rows if isinstance(row.get("text"), str)], lexicon, console)
    return 0


def score(rows: list[dict[str, Any]], lexicon: Lexicon, console: Console) -> None:
    """Precision, recall and F1 of each class, and which label is most often taken for which other."""
    began = time.perf_counter()
    said = [said_of(row, lexicon)[0] for row in rows]
    seconds = time.perf_counter() - began
    counts: dict[str, list[int]] = {}
    confused: Counter[tuple[str, str]] = Counter()
    for row, assertion in zip(rows, said, strict=True):
        if "label" in row:
            truths = {name: (row["label"] == name, assertion == name) for name in ASSERTIONS}
            if row["label"] != assertion:
                confused[row["label"], assertion] += 1
        else:
            truths = {}
            for field, classes in KIT.items():
                if field == "temporality" and assertion == "absent" and row["negation"] == "Negated":
                    continue
                for name, same in classes.items():
                    truths[f"{field}: {name}"] = (row.get(field) == name, assertion in same)
                if (row.get(field) in classes) != any(assertion in same for same in classes.values()):
                    confused[f"{field}: {row.get(field)}", assertion] += 1
        for name, (is_so, is_said) in truths.items():
            tally = counts.setdefault(name, [0, 0, 0])
            tally[0] += is_so and is_said
            tally[1] += is_said and not is_so
            tally[2] += is_so and not is_said
    show(counts, console)
    console.print(f"{sum(confused.values())} lines confused; most often (label, said, lines):")
    for (label, assertion), number in confused.most_common(6):
        console.print(f"  {label} → {assertion}  {number}")
    console.print(f"{len(rows) / seconds:,.0f} lines a second", style="dim")


def score_reports(rows: list[dict[str, Any]], lexicon: Lexicon, console: Console) -> None:
    """Precision, recall and F1 of the findings of whole chest radiograph reports."""
    names = {
        name: re.compile(rf"\b(?:{words})\b")
        for name, words in YAML(typ="safe").load((Path(__file__).parent / "chest.yaml").read_text("utf-8")).items()
    }
    tallies = {name: [0, 0, 0] for name in names}
    for row in rows:
        stated = findings_of(row["text"], names, lexicon)
        for name, tally in tallies.items():
            is_so, is_said = name in row["findings"], name in stated
            tally[0] += is_so and is_said
            tally[1] += is_said and not is_so
            tally[2] += is_so and not is_said
    tallies["all"] = [sum(column) for column in zip(*tallies.values(), strict=True)]
    show(tallies, console)


def show(counts: dict[str, list[int]], console: Console) -> None:
    """A line for each class: right, wrong and missed as precision, recall and F1."""
    table = Table(box=None, header_style="bold dim", pad_edge=False)
    for name in ("class", "lines", "precision", "recall", "F1"):
        table.add_column(name, justify="left" if name == "class" else "right")
    for name, (right, wrong, missed) in counts.items():
        if right + missed or wrong:
            table.add_row(name, str(right + missed), ratio(right, right + wrong), ratio(right, right + missed),
                          ratio(2 * right, 2 * right + wrong + missed))  # fmt: skip
    console.print(table)


def ratio(part: int, whole: int) -> str:
    """A share with three decimals, or a dash of nothing."""
    return f"{part / whole:.3f}" if whole else "–"


def cover(texts: list[str], lexicon: Lexicon, console: Console) -> None:
    """What is found in reports without labels, and how long each takes."""
    sections: Counter[str] = Counter()
    gaps: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    millis = []
    for text in texts:
        began = time.perf_counter()
        reading = read((ReportPart("presentedForm", text),), lexicon)
        millis.append((time.perf_counter() - began) * 1000)
        sections.update({section.kind for section in reading.sections if section.heading})
        gaps.update({gap.why for gap in reading.gaps})
        findings.update(finding.assertion for finding in reading.findings)
    if not texts:
        console.print("no line has a text")
        return
    for name, counted in (("reports with section", sections), ("findings", findings), ("reports with gap", gaps)):
        console.print(f"{name}: " + (", ".join(f"{key} {number}" for key, number in counted.most_common()) or "none"))
    millis.sort()
    p50, p99 = (millis[int(len(millis) * share)] for share in (0.5, 0.99))
    console.print(f"time per report: p50 {p50:.2f} ms, p99 {p99:.2f} ms")


if __name__ == "__main__":
    sys.exit(main())
