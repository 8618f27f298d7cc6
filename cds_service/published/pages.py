"""One Markdown page a rule, and the index: docs/rules in this repository, /rules where the service runs.

Everything on a page is taken from the rule file, the evidence beside it and the exclusions of every rule; nothing is
written by hand, so that what is read is what runs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any

from cds_service.content import Content
from cds_service.published.attributes import LABELS, source_attributes
from cds_service.rules.rule import Criterion, Evidence, Rule
from cds_service.yaml_source import Sheet, read_yaml

STATUS = {
    "active": "active: it is decided, and it speaks",
    "silent": "silent: it is decided and recorded, and shows nothing",
    "draft": "draft: it is not evaluated",
    "retired": "retired: it is not evaluated any more",
}
_UNKNOWN = {"proceed": "the card is shown", "withhold": "no card is shown"}
_LIMITS = (
    "The service reads metadata and report text and never opens an image. What is not on file, or could not be read, is"
    " unknown to it; unknown is never taken for absence. The decision stays with the clinician who signs."
)
_WHAT_RULES_DO = (
    "Each rule is asked when surgery or cancer treatment is about to be signed. Where one speaks, the clinician sees"
    " one card that suggests a second read by a subspecialty radiologist, and decides."
)
_DOI = re.compile(r"doi:\s*(10\.\S+)", re.I)


def rule_markdown(rule: Rule, content: Content, suffix: str = "") -> str:
    """The page of one rule. `suffix` ends the addresses of other pages: `.md` in a repository."""
    about = rule.about
    cited = [content.evidence[id] for id in map(str, about.get("evidence") or ()) if id in content.evidence]
    parts = [
        f"# {_plain(rule.title)}",
        _approval(str(about.get("signed", ""))),
        _plain(str(about.get("rationale", ""))),
        _table(("", ""), _facts(rule, content)),
        *(f"> Changed here ({Path(file).parents[2].name}): {_plain(why)}" for file, why in about.get("changed_by", ())),
        "## When it speaks",
        "It is asked when an order of its kind is about to be signed. It speaks only if **all** of this is true:",
        _numbered(line.says for line in rule.criteria),
        *_exclusions(rule),
        *_indicator(rule),
        *_card(rule),
        *_parameters(about.get("parameters") or {}),
        "## Evidence",
        *(_study(study) for study in cited),
        *(() if cited else ("No study of this question is cited.",)),
        "## Known false positives",
        "Situations in which it speaks and had better not:",
        _bullets(map(str, about.get("known_false_positives") or ("None is written down.",))),
        "## Source attributes",
        "Of an evidence-based decision support intervention (45 CFR 170.315(b)(11)(iv)(A)):",
        _table(("attribute", ""), [(LABELS[name], text) for name, text in source_attributes(rule, cited).items()]),
        *_tests(rule),
        *_history(about.get("changes") or {}),
        "## What it cannot know",
        _LIMITS,
        f"[All rules]({'README.md' if suffix else './'}) · [Intended use]({_intended_use(suffix)})",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def index_markdown(content: Content, suffix: str = "") -> str:
    """The list of all rules, by concern."""
    head = [
        "# The rules",
        _WHAT_RULES_DO,
        f"[Intended use]({_intended_use(suffix)})",
    ]
    rules = sorted(content.rules.rules, key=lambda rule: (rule.concern, rule.rank, rule.id))
    for concern, group in groupby(rules, key=lambda rule: rule.concern):
        rows = [
            (
                f"[{_plain(rule.title)}]({rule.id}{suffix})", f"version {rule.version}", rule.status,
                str(rule.about.get("signed", "")), f"review by {rule.review_by}",
            )
            for rule in group
        ]  # fmt: skip
        names = ("rule", "version", "status", "clinical sign-off", "review")
        head += [f"## {concern.capitalize()}", _table(names, rows)]
    return "\n\n".join(head) + "\n"


def _intended_use(suffix: str) -> str:
    return f"../intended-use{suffix}" if suffix else "intended-use"


def _approval(signed: str) -> str:
    if signed and signed != "not clinically approved":
        return f"> Signed clinically: {_plain(signed)}."
    return "> **Not clinically approved.** No clinician has signed this rule. It is a draft for those who would."


def _facts(rule: Rule, content: Content) -> list[tuple[str, str]]:
    owner: Mapping[str, Any] = rule.about.get("owner") or {}
    reader = content.routing.subspecialty(rule.route).label if rule.route else "the subspecialty of the organ"
    return [
        ("Rule", f"`{rule.id}`, version {rule.version}"),
        ("Status", STATUS[rule.status]),
        ("Concern", rule.concern),
        ("Kept by", f"{owner.get('team', '')}; technical: {owner.get('technical', '')}"),
        ("Clinical owner", str(owner.get("clinical", ""))),
        *([("Sponsor", str(owner["sponsor"]))] if owner.get("sponsor") else []),
        ("Last reviewed", f"{rule.about.get('reviewed', '')}; next review by {rule.review_by}, then it goes silent"),
        ("Who reads again", f"{reader}, within {rule.speech.turnaround_hours} hours"),
        (
            "Can the treatment be undone?",
            "no: it may warn" if rule.irreversible else "yes: it only informs",
        ),
    ]


def _exclusions(rule: Rule) -> Iterator[str]:
    every = (*rule.early, *rule.late)
    own = [line for line in every if line.id in rule.own]
    others = [line for line in every if line.id not in rule.own]
    yield "## When it stays quiet"
    yield "**Any one** of these is enough:"
    if own:
        yield _bullets(_with_unknown(line) for line in own)
    if others:
        yield "And, as for every rule:" if own else ""
        yield _bullets(_with_unknown(line) for line in others)


def _with_unknown(line: Criterion) -> str:
    unknown = _UNKNOWN[line.if_unknown or "proceed"]
    return f"{line.says} *Not known: {unknown}{', with exceptions' if line.withhold_when else ''}.*"


def _indicator(rule: Rule) -> Iterator[str]:
    yield "## When the card warns"
    if not rule.irreversible or not rule.warns_when:
        yield "Never: it only informs."
        return
    yield (
        "The card is a warning only if all of this is known to be true, the first reader is not known to be of the"
        " right subspecialty, the order is routine, and no start within 72 hours is known:"
    )
    yield _bullets(line.says for line in rule.warns_when)
    if rule.explained_by:
        yield "It informs, and does not warn, where something else explains the operation:"
        yield _bullets(line.says for line in rule.explained_by)


def _card(rule: Rule) -> Iterator[str]:
    said = rule.speech
    yield "## What the card says"
    yield f"> {_plain(said.summary)}"
    yield f"**Why now.** {_plain(said.why)}"
    yield f"**Question to the second reader.** {_plain(said.question)}"
    yield "Words in braces are filled in from the case."


def _parameters(given: Mapping[str, Any]) -> Iterator[str]:
    if given:
        yield "## Numbers"
        rows = [(f"`{name}`", f"{of['value']} {of['unit']}", str(of["why"])) for name, of in given.items()]
        yield _table(("parameter", "value", "why"), rows)


def _study(study: Evidence) -> str:
    citation = _plain(study.citation)
    if doi := _DOI.search(study.citation):
        citation += f" [doi.org](https://doi.org/{doi[1].rstrip('.,;')})"
    lines = [
        f"**{study.id}.** {_plain(study.claim)}: **{_plain(study.figure)}** ({_plain(study.year)}).",
        f"In whom: {_plain(study.population)}.",
        f"Limits: {_plain(study.limits)}" if study.limits else "Limits: none written down.",
        f"*{citation}*",
    ]
    return "  \n".join(lines)


def _tests(rule: Rule) -> Iterator[str]:
    tests = inline_tests(rule)
    yield "## Tests"
    if not tests:
        yield "None could be read."
        return
    count = sum(many for _, _, many in tests)
    yield f"{count} inline tests, each from report text to decision:"
    yield _table(("what is tried", "expected"), [(_plain(name), expected) for name, expected, _ in tests])


def inline_tests(rule: Rule) -> list[tuple[str, str, int]]:
    """Name, expected outcome and number of variants of each inline test, read from the rule's file and its changes."""
    tests: dict[str, Any] = {}
    for file in (rule.file, *(file for file, _ in rule.about.get("changed_by", ()))):
        node = read_yaml(Path(file), Sheet(file))
        given = node.value.get("tests") if node is not None and isinstance(node.value, dict) else None
        for test in given.plain() if given is not None and isinstance(given.value, list) else ():
            tests[str(test.get("name", ""))] = test
    found = []
    for test in tests.values():
        expect = test.get("expect") or {}
        words = [str(expect.get("outcome", "")), str(expect.get("indicator", ""))]
        because = f"because `{expect['because']}`" if expect.get("because") else ""
        each = test.get("each") or {}
        many = prod(len(values) if isinstance(values, list) else 1 for values in each.values())
        found.append((str(test.get("name", "")), " ".join(word for word in (*words, because) if word), many))
    return found


def _history(changes: Mapping[str, Any]) -> Iterator[str]:
    if changes:
        yield "## History"
        yield _bullets(f"**{version}** {_plain(str(words))}" for version, words in changes.items())


def _plain(text: str) -> str:
    """Words of a content file, with what Markdown would take for marks escaped."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _numbered(lines: Iterable[str]) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    lines += [f"| {' | '.join(cell.replace(chr(10), ' ') for cell in row)} |" for row in rows]
    return "\n".join(lines)
