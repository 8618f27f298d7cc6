"""What is kept of one report never changes the reading of another, and is bounded."""

from dataclasses import fields
from typing import Any

import pytest

from cds_service.model import Finding, ReportPart
from cds_service.reading import Lexicon, page, read, said, sentence
from cds_service.reading.said import Rest

KEPT: tuple[Any, ...] = tuple(
    value for module in (page, said, sentence) for value in vars(module).values() if hasattr(value, "cache_clear")
)
SAME = "There is moderate canal stenosis and a 2 cm mass."
SETTINGS = {
    "plain": f"FINDINGS:\n{SAME}",
    "under a level": f"FINDINGS:\nL3-L4: Disc bulge. {SAME}",
    "under another level": f"FINDINGS:\nL4-L5: Disc bulge. {SAME}",
    "under an organ": f"FINDINGS:\nLIVER: Normal in size. {SAME}",
    "before a doubt": f"FINDINGS:\n{SAME} This is suspicious for malignancy.",
    "before a relief": f"FINDINGS:\n{SAME} This is a benign cyst.",
    "as history": f"HISTORY: {SAME}\n\nFINDINGS:\nNormal study of the spine.",
    "as the question": f"INDICATION: {SAME}\n\nFINDINGS:\nNormal study of the spine.",
    "in the impression": f"FINDINGS:\nNormal study of the spine.\n\nIMPRESSION:\n1. {SAME}",
    "in capitals": f"FINDINGS:\n{SAME.upper()}",
}


def forget() -> None:
    """Begin as a process begins."""
    for kept in KEPT:
        kept.cache_clear()


def findings(name: str, salt: str, lexicon: Lexicon) -> tuple[Finding, ...]:
    """What is read in one setting; `salt` keeps whole reports from being remembered."""
    return read((ReportPart("presentedForm", f"{SETTINGS[name]}\n\nCC: {salt}"),), lexicon).findings


@pytest.mark.parametrize("name", SETTINGS)
def test_a_sentence_read_elsewhere_is_read_as_if_for_the_first_time(name: str, lexicon: Lexicon) -> None:
    """The same sentence in every other setting before leaves no trace in what it says in this one."""
    forget()
    alone = findings(name, "a", lexicon)
    forget()
    for other in SETTINGS:
        findings(other, "b", lexicon)
    assert findings(name, "c", lexicon) == alone
    assert alone


def test_the_settings_do_differ(lexicon: Lexicon) -> None:
    """Level, organ, next sentence and section are part of what is said, so the promise above is not empty."""
    said_here = {
        name: {
            (f.concept, f.assertion, f.levels, f.suspicion, f.regions, f.section) for f in findings(name, "d", lexicon)
        }
        for name in SETTINGS
    }
    plain = said_here.pop("plain")
    assert said_here.pop("in capitals") == plain
    assert all(other != plain for other in said_here.values())


def test_no_long_sentence_is_kept(lexicon: Lexicon) -> None:
    """A sentence that is too long to judge whole does not stay in memory, nor does a long one behind it."""
    forget()
    long = "mass without end " * 60
    read((ReportPart("presentedForm", f"A {long}. A mass. This {long}."),), lexicon)
    sizes = [kept.cache_info().currsize for kept in KEPT]
    assert all(kept.cache_info().maxsize is not None for kept in KEPT)
    read((ReportPart("presentedForm", f"B {long}. A mass. This, {long}."),), lexicon)
    assert [kept.cache_info().currsize for kept in KEPT] == sizes


def test_what_is_kept_of_a_finding_has_its_fields_in_its_order() -> None:
    """A kept answer is put into a Finding by position, so the two lists may never differ."""
    of_finding = [field.name for field in fields(Finding)]
    behind = of_finding.index("section") + 1
    assert list(Rest._fields) == of_finding[behind : behind + len(Rest._fields)]
