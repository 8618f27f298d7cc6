"""`second-read read`: any file in, what was read out, for a person and for a program."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import builders as b
import pytest
from click.testing import CliRunner, Result
from documents import REPORT, as_base64, as_html, as_pdf, as_rtf, scanned_pdf

from cds_service.__main__ import main

ROOT = Path(__file__).parents[2]


def run(*arguments: str, stdin: bytes | str = b"") -> Result:
    """The command, with what it is given on standard input."""
    return CliRunner().invoke(main, ["read", *arguments], input=stdin, catch_exceptions=False)


def told(*arguments: str, stdin: bytes | str) -> list[dict[str, Any]]:
    """The reports of `--json`."""
    return list(json.loads(run(*arguments, "--json", stdin=stdin).stdout)["reports"])


@pytest.mark.parametrize("content", [REPORT.encode(), as_html().encode(), as_rtf(), as_pdf()])
def test_any_format_is_read_from_a_file_or_from_standard_input(content: bytes, tmp_path: Path) -> None:
    """The same findings from a file and from standard input, whatever the format; exit 0."""
    path = tmp_path / "report"
    path.write_bytes(content)
    (from_file,) = told(str(path), stdin=b"")
    (from_input,) = told("-", stdin=content)
    assert from_file["findings"] == from_input["findings"]
    assert len(from_file["findings"]) >= 12
    assert (from_file["report"], from_input["report"]) == ("report", "(input)")
    assert run(str(path)).exit_code == 0


def test_offsets_of_the_json_point_into_its_text() -> None:
    """Sections, quotes and mentions are stretches of `text`."""
    (report,) = told(stdin=REPORT)
    text = report["text"]
    assert all(text[f["start"] : f["end"]] == f["quote"] for f in report["findings"])
    assert [text[s["start"] :].startswith(s["heading"].upper()) for s in report["sections"]].count(False) == 0
    assert {"title", "mention", "section", "trigger", "phrase", "severity", "levels"} <= set(report["findings"][0])


def test_fhir_is_read_as_the_service_reads_it() -> None:
    """A DiagnosticReport with its contained results; a Bundle with Binary and Observation beside its reports."""
    made = b.report(result=[{"reference": "Observation/i"}], presentedForm=[{"url": "Binary/b"}])
    del made["conclusion"]
    result = {"resourceType": "Observation", "id": "i", "valueString": "Severe canal stenosis.",
              "code": b.coding("http://loinc.org", "19005-8")}  # fmt: skip
    binary = {"resourceType": "Binary", "id": "b", "data": as_base64(as_pdf("There is a 9 mm lung nodule."))}
    other = b.report("report-2", conclusion="No fracture.")
    reports = told(stdin=json.dumps(b.bundle(made, result, binary, other)))
    assert [report["report"] for report in reports] == ["DiagnosticReport/report-1", "DiagnosticReport/report-2"]
    assert [(f["concept"], f["section"]) for f in reports[0]["findings"]] == [
        ("lesion", "findings"),
        ("spinal-stenosis", "impression"),
    ]
    assert len(told(stdin=json.dumps(other))) == 1
    nothing = run(stdin=json.dumps(b.bundle(b.mri())))
    assert nothing.exit_code == 1
    assert "no DiagnosticReport" in nothing.stderr


def test_exit_codes_tell_whole_part_and_nothing() -> None:
    """0 read whole, 3 in part, 1 nothing; the gap is named either way."""
    part = run(stdin="FINDINGS: Mass. " + "No evidence of normal tissue and " * 80 + "metastasis.")
    assert part.exit_code == 3
    assert "sentence-too-long" in part.stdout
    nothing = run(stdin=scanned_pdf())
    assert nothing.exit_code == 1
    assert "attachment-scanned" in nothing.stdout


def test_the_view_shows_text_findings_and_legend_without_colour() -> None:
    """Each mention carries the number of its finding, each section its kind; nothing depends on colour."""
    shown = run(stdin=REPORT).stdout
    assert "\x1b" not in shown
    assert "impression> IMPRESSION:" in shown
    assert re.search(r"psoas mass\[1[2-9]\]", shown)
    assert all(word in shown for word in ("present", "uncertain", "absent", "historical", "hypothetical", "family"))
    assert any("severe" in line and "L4-L5" in line and line.strip().startswith("1") for line in shown.split("\n"))
    assert max(map(len, shown.split("\n"))) <= 80


def test_terminal_signs_in_a_report_stay_text() -> None:
    """Escape sequences and console markup of a report reach nobody's terminal."""
    shown = run(stdin="\x1b[31mMass\x9b2J [bold]here[/bold] \x07.").stdout
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "[bold]here[/bold]" in shown


def test_explain_names_phrase_and_trigger_and_what_did_not_count(tmp_path: Path) -> None:
    """Every finding with the phrase and trigger that decided it; words whose phrase needs others are listed."""
    shown = run("--explain", stdin="FINDINGS: No evidence of metastasis.").stdout
    assert "phrase metastasis/" in shown
    assert "trigger no-evidence" in shown
    folder = tmp_path / "lexicon"
    folder.mkdir()
    (folder / "lesion.yaml").write_text(
        "id: lesion\ntitle: A lesion\nphrases:\n  - {id: mass, words: [mass], with: [lung], example: A lung mass.,"
        " expect: present}\n",
        "utf-8",
    )
    (report,) = told("--explain", "--lexicon", str(folder), stdin="There is a mass in the liver.")
    assert report["findings"] == []
    assert report["not_counted"] == [{"words": "mass", "start": 11, "end": 15, "phrase": "lesion/mass"}]


LINES = [
    {"text": "No evidence of mass.", "start": 15, "end": 19, "id": 7},
    {"text": "Rule out mass.", "start": 9, "end": 13, "section": "Reason for exam"},
    {"text": "No metastasis or\n  lung   mass is seen.", "start": 26, "end": 30},
    {"text": "There is a mass.", "start": 11, "end": 14, "target": "mass"},
    {"text": "HISTORY: Lung mass.\nFINDINGS: The mass has grown.", "start": 34, "end": 38},
]


def test_spans_are_answered_line_by_line() -> None:
    """Other fields are kept, sections count, inside the text too; wrapped lines are joined; `end` is exclusive."""
    done = run("--spans", stdin="\n".join(map(json.dumps, LINES)) + "\n\n")
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["assertion"] for row in rows] == ["absent", "indication", "absent", "present", "present"]
    assert rows[0]["trigger"] == "no-evidence"
    assert [{k: v for k, v in row.items() if k not in ("assertion", "trigger")} for row in rows] == LINES


@pytest.mark.parametrize(
    "bad",
    ["{", "[]", '{"text": 1, "start": 0, "end": 1}', '{"text": "a", "start": 0}', '{"text": "a", "start": 0, "end": 9}',
     '{"text": "a", "start": 1, "end": 1}', '{"text": "a", "start": true, "end": 1}',
     '{"text": " ", "start": 0, "end": 1}',
     '{"text": "mass", "start": 0, "end": 4, "section": 3}'],
)  # fmt: skip
def test_a_bad_line_is_named_and_does_not_stop_the_rest(bad: str) -> None:
    """Its number and what is wrong go to standard error; the exit code says that one was bad."""
    good = json.dumps(LINES[0])
    done = run("--spans", stdin=f"{good}\n{bad}\n{good}\n")
    assert done.exit_code == 1
    assert done.stderr.startswith("line 2: ")
    assert len(done.stdout.splitlines()) == 2


def test_accuracy_prints_a_table_and_says_where_there_is_nothing(tmp_path: Path) -> None:
    """Labels of either kind are scored per class, unlabelled reports covered, an empty folder named."""
    program = [sys.executable, str(ROOT / "benchmarks" / "accuracy.py")]
    empty = subprocess.run([*program, str(tmp_path / "none")], capture_output=True, text=True, check=True)
    assert "no corpus" in empty.stdout
    kit = {"negation": "Negated", "temporality": "Recent", "experiencer": "Patient"}
    labelled = [LINES[0] | {"label": "absent"}, LINES[3] | {"label": "absent"}]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, labelled)), "utf-8")
    (tmp_path / "kit.jsonl").write_text(json.dumps(LINES[0] | kit), "utf-8")
    (tmp_path / "plain.jsonl").write_text(json.dumps({"text": REPORT}), "utf-8")
    shown = subprocess.run([*program, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    rows = {line.split("  ")[0].strip(): line.split() for line in shown.splitlines() if line.strip()}
    assert rows["absent"][1:] == ["2", "1.000", "0.500", "0.667"]
    assert rows["negation: Negated"][-3:] == ["1.000", "1.000", "1.000"]
    assert "absent → present  1" in shown
    assert "impression 1" in shown
    assert "p99" in shown
