"""Severity at the planned level, and what a report makes of a lesion: the semantics that are never to be guessed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cds_service.model import Case, Finding, Order, Patient, Reading
from cds_service.rules.severity import at_planned, is_open, lesion_call, telling, worst_severity

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ORDER = Order("ServiceRequest/o", "surgery", "draft", region="spine", levels=("L4-L5",), side="left")


def mention(severity: str | None, section: str = "impression", *levels: str, **more: object) -> Finding:
    """One mention of stenosis."""
    found = Finding("spinal-stenosis", "present", "q", 0, 1, (0, 1), section, severity=severity, levels=levels)  # type: ignore[arg-type]
    return replace(found, **more)  # type: ignore[arg-type]


def state(*found: Finding, order: Order = ORDER) -> str | None:
    """The worst state at the planned level."""
    here, _ = at_planned(order, found)
    worst = worst_severity(Case(order, NOW, Patient("p")), here)
    return worst and worst[0]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([mention("mild", "findings", "L4-L5"), mention("severe", "findings", "L3-L4")], "mild"),
        ([mention("severe", "findings", "L4-L5"), mention("moderate", "impression", "L4-L5")], "moderate"),
        ([mention("severe", "findings", "L4-L5"), mention(None, "impression", "L4-L5")], "severe"),
        ([mention("severe", "impression", "L4-L5"), mention("mild", "addendum", "L4-L5")], "mild"),
        ([mention("severe", "impression", "L4-L5"), mention(None, "addendum", "L4-L5", assertion="absent")], "denied"),
        ([mention("severe", "findings", "L4-L5"), mention(None, "impression", assertion="absent")], "severe"),
        ([mention("moderate"), mention("severe", "impression", "L3-L4")], "moderate"),
        ([mention(None, "impression", "L4-L5")], "ungraded"),
        ([mention(None, "impression", "L4-L5", assertion="uncertain")], "open"),
        ([mention("severe", "impression", "L4-L5", hedged=True)], "open"),
        ([mention("severe", "impression", "L4-L5", side="right"), mention("mild", "impression", "L4-L5")], "mild"),
        ([mention("severe", "impression", "L4-L5", side="bilateral")], "severe"),
        ([mention("severe", "impression", "L3-L4")], None),
    ],
)
def test_severity_at_the_planned_level(found: list[Finding], expected: str | None) -> None:
    """Addendum over impression over findings, the worst grade at the planned level and side, ungraded never lowers."""
    assert state(*found) == expected
    assert state(*reversed(found)) == expected


def test_without_a_planned_level_the_worst_level_counts() -> None:
    """An order that names no level is judged at the worst graded one."""
    anywhere = replace(ORDER, levels=(), side=None)
    found = (mention("mild", "findings", "L4-L5"), mention("severe", "findings", "L3-L4"))
    assert state(*found, order=anywhere) == "severe"


def test_several_planned_levels_are_judged_at_their_worst() -> None:
    """A plan over two levels rests on the worse of them."""
    both = replace(ORDER, levels=("L3-L4", "L4-L5"), side=None)
    found = (mention("mild", "findings", "L4-L5"), mention("severe", "findings", "L3-L4"))
    assert state(*found, order=both) == "severe"


def lesion(concept: str = "lesion", section: str = "impression", **more: object) -> Finding:
    """One mention of a lesion."""
    return replace(Finding(concept, "present", "q", 0, 1, (0, 1), section), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([lesion(suspicion="suspicious"), lesion(suspicion="benign")], "suspicious"),
        ([lesion(suspicion="indeterminate")], "indeterminate"),
        ([lesion(suspicion="benign")], "benign"),
        ([lesion(suspicion="benign"), lesion("malignancy", assertion="uncertain")], "suspicious"),
        ([lesion("malignancy", assertion="absent"), lesion(suspicion="benign")], "benign"),
        ([lesion("rads", system="Bosniak", value="IV", flag="high")], "suspicious"),
        ([lesion("rads", system="Bosniak", value="IIF", flag="intermediate")], "probably-benign"),
        ([lesion("rads", system="PI-RADS", value="3", flag="intermediate")], "indeterminate"),
        ([lesion("rads", system="BI-RADS", value="0", flag="limited")], "indeterminate"),
        ([lesion("rads", system="BI-RADS", value="2", flag="benign")], "benign"),
        ([lesion(suspicion="suspicious"), lesion(section="addendum", suspicion="benign")], "benign"),
        (
            [lesion(suspicion="suspicious", regions=("chest",)), lesion(suspicion="benign", regions=("abdomen",))],
            "benign",
        ),
        ([lesion(suspicion="suspicious", side="right"), lesion(suspicion="benign")], "benign"),
        ([lesion("rads", system="BI-RADS", value="6", flag="high")], "proven"),
        ([lesion("malignancy", quote="Biopsy-proven renal cell carcinoma"), lesion(suspicion="suspicious")], "proven"),
        ([lesion(suspicion="suspicious", assertion="historical")], None),
        ([lesion()], None),
        ([], None),
    ],
)
def test_what_a_report_makes_of_the_lesion(found: list[Finding], expected: str | None) -> None:
    """The worst call of the organ and side operated on; an addendum overrides; other organs do not count."""
    case = Case(replace(ORDER, region="abdomen"), NOW, Patient("p"))
    assert lesion_call(case, Reading("q", (), tuple(found)))[0] == expected


def test_an_open_finding_is_uncertain_hedged_or_indeterminate() -> None:
    """What leaves a question open by words or by category."""
    assert is_open(lesion(assertion="uncertain"))
    assert is_open(lesion(hedged=True))
    assert is_open(lesion(suspicion="indeterminate"))
    assert is_open(lesion("rads", flag="intermediate"))
    assert not is_open(lesion(suspicion="suspicious"))
    assert not is_open(lesion(assertion="absent", hedged=True))


def test_the_quote_is_the_mention_that_says_most() -> None:
    """Asserted, at the planned level, in the impression, and short enough to stand whole on a card."""
    planned = mention("moderate", "impression", "L4-L5")
    others = [mention(None, "impression", "L4-L5", assertion="absent"), mention("severe", "impression", "L3-L4"),
              mention("moderate", "findings", "L4-L5"),
              mention("severe", "impression", "L4-L5", quote="q" * 150)]  # fmt: skip
    assert telling(ORDER, [*others, planned]) is planned
