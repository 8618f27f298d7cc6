"""What was read in a report, for a person: the text with its findings numbered and coloured, and the list of them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cds_service.model import Finding, Gap, Reading
from cds_service.reading import Lexicon
from cds_service.reading.assertion import lower
from cds_service.reading.words import Words

STYLES: Mapping[str, str] = {  # assertion -> style of its words
    "present": "bold red underline",
    "uncertain": "bold yellow underline",
    "absent": "green underline",
    "historical": "blue underline",
    "hypothetical": "magenta underline",
    "family": "cyan underline",
    "indication": "dim underline",
}
_KIND = "bold cyan"


def report_json(name: str, reading: Reading, gaps: tuple[Gap, ...], lexicon: Lexicon) -> dict[str, Any]:
    """One report as docs/reading.md documents it; offsets count characters of `text`."""
    findings = [asdict(finding) | {"title": _title(finding, lexicon)} for finding in reading.findings]
    return {
        "report": name,
        "text": reading.text,
        "sections": [asdict(section) for section in reading.sections],
        "findings": findings,
        "gaps": [asdict(gap) for gap in (*gaps, *reading.gaps)],
        "conflicts": [asdict(conflict) for conflict in reading.conflicts],
        "examined": list(reading.examined),
    }


def not_counted(reading: Reading, lexicon: Lexicon) -> list[dict[str, Any]]:
    """Phrases that stand in the text and became no finding: other words that they need, or forbid, decided."""
    counted = {finding.mention for finding in reading.findings}
    return [
        {"words": reading.text[start:end], "start": start, "end": end, "phrase": phrase.id}
        for start, end, phrase in lexicon.find_phrases.find(Words(lower(reading.text)))
        if (start, end) not in counted
    ]


def view(name: str, reading: Reading, gaps: tuple[Gap, ...], lexicon: Lexicon, explain: bool) -> RenderableType:
    """The whole view of one report."""
    blocks: list[RenderableType] = [Text(name, style="bold"), Text()]
    if reading.text:
        blocks += [_marked(reading), Text(), _legend(), Text()]
    if reading.findings:
        blocks += [_list(reading), Text()]
        if explain:
            blocks += [Text("Why", style="bold"), _reasons(reading), Text()]
    elif reading.text:
        blocks += [Text("Nothing of the lexicon is named in it.", style="dim"), Text()]
    if explain and (left := not_counted(reading, lexicon)):
        blocks.append(Text("Seen, not counted: other words that the phrase needs or forbids decided", style="bold"))
        blocks += [Text(f"  {one['words']}  ").append(one["phrase"], "dim") for one in left]
        blocks.append(Text())
    for gap in (*gaps, *reading.gaps):
        line = Text("gap  ", style="yellow").append(f"{gap.what}: {gap.why}", "bold yellow")
        blocks.append(line.append(f" ({gap.detail})" if gap.detail else "", "default"))
    return Group(*blocks)


def _marked(reading: Reading) -> Text:
    """The text, the kind of each section before its heading, the number of each finding behind its words."""
    text = Text()
    at = 0
    marks: dict[tuple[int, int], list[int]] = {}
    for number, finding in enumerate(reading.findings, 1):
        marks.setdefault(finding.mention, []).append(number)
    heads = {section.start: section for section in reading.sections}
    bounds = sorted({*heads, *(edge for mention in marks for edge in mention), len(reading.text)})
    styled = {mention: STYLES[reading.findings[numbers[0] - 1].assertion] for mention, numbers in marks.items()}
    for bound in bounds:
        if bound > at:
            style = next((style for (start, end), style in styled.items() if start <= at < end), "")
            text.append(reading.text[at:bound], style or None)
        for (_, end), numbers in marks.items():
            if end == bound:
                text.append(f"[{','.join(map(str, numbers))}]", "dim")
        if bound in heads and bound < len(reading.text):
            section = heads[bound]
            if text.plain and not text.plain.endswith("\n"):
                text.append("\n")
            text.append(f"{section.kind}> ", _KIND)
        at = bound
    return text


def _legend() -> Text:
    legend = Text()
    for assertion, style in STYLES.items():
        legend.append(assertion, style).append("  ")
    return legend


def _list(reading: Reading) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("finding", overflow="fold")
    table.add_column("says", no_wrap=True)
    table.add_column("how, where, how large", overflow="fold")
    table.add_column("section", no_wrap=True)
    for number, finding in enumerate(reading.findings, 1):
        says = Text(finding.assertion, STYLES[finding.assertion].replace(" underline", ""))
        section = finding.section + (" (overridden)" if finding.overridden else "")
        table.add_row(str(number), finding.concept, says, Text(details(finding)), section)
    return table


def _reasons(reading: Reading) -> Table:
    """Why each finding is what it is: phrase, trigger, quote."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for number, finding in enumerate(reading.findings, 1):
        why = Text(f"phrase {finding.phrase}" if finding.phrase else f"stated as {finding.system or 'a stage'}")
        decided = f"trigger {finding.trigger}" if finding.trigger else f"no trigger: as the {finding.section} asserts"
        why.append(f" · {decided}\n").append(f"“{finding.quote}”", "dim")
        table.add_row(str(number), why)
    return table


def details(finding: Finding) -> str:
    """Severity, level, side, size, category and the rest in words, only what was said."""
    size = f"{finding.size_mm:g} mm" if finding.size_mm is not None else ""
    if finding.prior_size_mm is not None and size:
        size += f" (was {finding.prior_size_mm:g} mm)"
    value = " ".join(filter(None, (finding.system, finding.value)))
    said = [finding.severity, " ".join(finding.levels), finding.side, size, value, finding.trend, finding.suspicion,
            "hedged" if finding.hedged else "", "incidental" if finding.incidental else "",
            f"versus {', '.join(finding.versus)}" if finding.versus else "", " ".join(finding.organs)]  # fmt: skip
    return ", ".join(filter(None, said))


def _title(finding: Finding, lexicon: Lexicon) -> str:
    if finding.concept == "rads":
        return "Category"
    return "Stage" if finding.concept == "tnm" else lexicon.titles.get(finding.concept, finding.concept)


def screen() -> Console:
    """A console that colours terminals alone and honours NO_COLOR."""
    return Console(highlight=False)
