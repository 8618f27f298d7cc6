"""Stated categories of every system: every way they are written, what only looks like one, and linear time."""

import time
from collections.abc import Callable

import pytest

from cds_service.model import Finding, ReportPart
from cds_service.reading import Lexicon, read
from cds_service.reading.lesions import sizes
from cds_service.reading.priors import date_in
from cds_service.reading.rads import categories
from cds_service.reading.rads_scale import legends
from cds_service.reading.stage import stages

WRITTEN = {
    "BI-RADS category 4B": "BI-RADS 4B",
    "ACR BI-RADS Assessment Category 4B: Suspicious": "BI-RADS 4B",
    "BIRADS: 4": "BI-RADS 4",
    "BIRADS-US 4a": "BI-RADS 4A",
    "BI-RADS® 4": "BI-RADS 4",
    "BI-RADS (4)": "BI-RADS 4",
    "BI-RADS Category IV": "BI-RADS 4",
    "BI-RADS final assessment category: 3": "BI-RADS 3",
    "Category 4B (BI-RADS)": "BI-RADS 4B",
    "Category 2 - Benign (BI-RADS)": "BI-RADS 2",
    "LR-5": "LI-RADS 5",
    "LR 5": "LI-RADS 5",
    "LR-M": "LI-RADS M",
    "LR-TIV": "LI-RADS TIV",
    "LI-RADS v2018 category LR-4": "LI-RADS 4",
    "LI-RADS NC": "LI-RADS NC",
    "US LI-RADS US-2": "LI-RADS 2",
    "LR-TR viable": "LI-RADS TR-VIABLE",
    "LR-TR non-viable": "LI-RADS TR-NONVIABLE",
    "LR-TR nonevaluable": "LI-RADS TR-NONEVALUABLE",
    "PI-RADS v2.1 score 5": "PI-RADS 5",
    "PIRADS v2 category: 4": "PI-RADS 4",
    "PI-RADS 3/5": "PI-RADS 3",
    "PI-RADS assessment category: 5 (very high)": "PI-RADS 5",
    "PI-RADS X": "PI-RADS X",
    "Score 4 PI-RADS lesion": "PI-RADS 4",
    "Lung-RADS 4X": "Lung-RADS 4X",
    "Lung-RADS category 4A S": "Lung-RADS 4A",
    "Lung RADS 2S": "Lung-RADS 2",
    "TR5": "TI-RADS 5",
    "ACR TI-RADS 5 points (TR4)": "TI-RADS 4",
    "TI-RADS TR3": "TI-RADS 3",
    "EU-TIRADS 5": "EU-TIRADS 5",
    "O-RADS US 4": "O-RADS 4",
    "O-RADS MRI score 5": "O-RADS 5",
    "NI-RADS primary 2a, neck 3": "NI-RADS 2A, NI-RADS 3",
    "C-RADS C3 E2": "C-RADS C3, C-RADS E2",
    "Bosniak IIF": "Bosniak IIF",
    "Bosniak 2F": "Bosniak IIF",
    "Bosniak category III": "Bosniak III",
    "BT-RADS 3b": "BT-RADS 3B",
    "CAD-RADS 4A/P3": "CAD-RADS 4A",
    "CAD-RADS 2.0: 3": "CAD-RADS 3",
    "VI-RADS score 4": "VI-RADS 4",
    "Node-RADS 5": "Node-RADS 5",
    "GB-RADS 3": "GB-RADS 3",
    "Bone-RADS 4": "Bone-RADS 4",
    "MET-RADS-P 2": "MET-RADS 2",
    "PRECISE score 4": "PRECISE 4",
    "Deauville score 4": "Deauville 4",
    "RECIST 1.1: partial response": "RECIST PR",
    "progressive disease per RECIST": "RECIST PD",
}
LOOKS_LIKE_IT = [
    "BI-RADS density C", "ACR density B", "BI-RADS Atlas 5th edition", "BI-RADS lexicon", "TR 500 ms", "TR/TE 600/12",
    "T2 hyperintense", "T3 vertebral body", "3T magnet", "M1 segment", "C3 alone", "segment 4A", "LR 3 cm", "TR 4 mm",
    "precise 3 mm measurement", "Bosniak criteria", "progressive disease", "ACR Appropriateness Criteria 4",
]  # fmt: skip


@pytest.mark.parametrize(("text", "read_as"), WRITTEN.items())
def test_a_category_is_read_however_it_is_written(text: str, read_as: str) -> None:
    """One text, one category of its system; two where two sites are stated."""
    assert ", ".join(f"{one.system} {one.value}" for one in categories(text.lower())) == read_as


@pytest.mark.parametrize("text", LOOKS_LIKE_IT)
def test_what_only_looks_like_a_category_is_none(text: str) -> None:
    """Sequences, levels, segments, editions, densities and sizes are no categories."""
    assert categories(text.lower()) == []


def rads_of(text: str, lexicon: Lexicon) -> dict[str, Finding]:
    """The stated categories of a report by value."""
    return {
        f.value or "": f for f in read((ReportPart("presentedForm", text),), lexicon).findings if f.concept == "rads"
    }


def test_an_addendum_speaks_before_the_impression_and_the_impression_before_the_findings(lexicon: Lexicon) -> None:
    """A stronger section overrides, even with a lower category."""
    text = "FINDINGS:\nPI-RADS 5 lesion.\n\nIMPRESSION:\nPI-RADS 4.\n\nADDENDUM:\nOn review this is PI-RADS 3."
    found = rads_of(text, lexicon)
    assert {value: one.overridden for value, one in found.items()} == {"5": True, "4": True, "3": False}


def test_the_highest_current_category_of_a_system_speaks_for_each_side_and_site(lexicon: Lexicon) -> None:
    """Two lesions of one side leave the higher; the other breast and another site keep their own."""
    text = "IMPRESSION:\n1. Left breast: BI-RADS 4B.\n2. Left breast: BI-RADS 3.\n3. Right breast: BI-RADS 2."
    assert {v: one.overridden for v, one in rads_of(text, lexicon).items()} == {"4B": False, "3": True, "2": False}
    sited = rads_of("IMPRESSION: NI-RADS primary 1, neck 3.", lexicon)
    assert {v: (one.site, one.overridden) for v, one in sited.items()} == {
        "1": ("primary", False),
        "3": ("neck", False),
    }


@pytest.mark.parametrize("heading", ["INDICATION", "HISTORY", "COMPARISON", "TECHNIQUE"])
def test_a_category_that_was_only_asked_about_or_known_before_is_not_asserted(heading: str, lexicon: Lexicon) -> None:
    """What stands under these headings overrides nothing and is overridden by nothing."""
    found = rads_of(f"{heading}: PI-RADS 5 lesion.\n\nFINDINGS: PI-RADS 3 lesion.", lexicon)
    assert found["5"].assertion in ("indication", "historical")
    assert not found["3"].overridden


HOSTILE: dict[str, Callable[[int], str]] = {
    "filler": lambda n: "bi-rads" + " :" * n + "x",
    "category": lambda n: "bi-rads " + "category " * n,
    "names": lambda n: "bi-rads lung-rads li-rads " * n,
    "reversed": lambda n: "category 4 " + "benign " * n + "(bi-rads)",
    "modifiers": lambda n: "cad-rads 4a" + "/s" * n + "x",
    "my-rads": lambda n: "my-rads " + "focal " * n,
    "recist": lambda n: "complete response " * n + "recist",
    "recist-behind": lambda n: "recist 1.1 criteria " * n,
    "deauville": lambda n: "deauville 5-point scale was used; " * n,
    "sited": lambda n: "ni-rads primary 1" + ", neck 2" * n,
    "legend": lambda n: "1 is negative, " * n + "range from 1 " * n,
    "tnm": lambda n: "t1 n0" * n + " t2 " * n,
    "stage": lambda n: "stage figo ajcc " * n + "stage group is of " * n,
    "sizes": lambda n: "3 x " * n + "3.3 cm ap " * n + "1,2" * n,
    "former": lambda n: "previously measured " * n + "3 cm",
    "dates": lambda n: "12/12/" * n + "january 2 " * n,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_pattern_backtracks(name: str) -> None:
    """A thousandfold repeat of anything takes every pattern well under a second of processor time."""
    low = HOSTILE[name](1_000)
    begin = time.process_time()
    categories(low)
    legends(low)
    stages(low, low)
    sizes(low, 0, len(low))
    date_in(low)
    assert time.process_time() - begin < 0.6
