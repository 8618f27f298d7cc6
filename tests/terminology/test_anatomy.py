"""Anatomy in free text: levels in normal form, segments, sides, regions."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service import anatomy

LEVELS = [
    ("L4-L5", ("L4-L5",)),
    ("L4/5 and L5/S1", ("L4-L5", "L5-S1")),
    ("L4\N{EN DASH}5", ("L4-L5",)),
    ("L3 to L5 fusion", ("L3-L4", "L4-L5")),
    ("L3-L5", ("L3-L4", "L4-L5")),
    ("ACDF C5/6", ("C5-C6",)),
    ("T12-L1", ("T12-L1",)),
    ("disc at L5-1", ("L5-S1",)),
    ("C7-1", ("C7-T1",)),
    ("L4-L5-S1", ("L4-L5", "L5-S1")),
    ("grade 1 anterolisthesis of L4 on L5", ("L4-L5",)),
    ("the space between L4 and L5", ("L4-L5",)),
    ("S1-L5", ("L5-S1",)),
    ("T10 to pelvis", ("T10-T11", "T11-T12", "T12-L1", "L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")),
    ("l4-l5 and L3/L4, L4-5", ("L3-L4", "L4-L5")),
    ("at L4-5.", ("L4-L5",)),
]

NO_LEVELS = [
    "T1-T2 weighted images", "T1/T2-weighted", "T1-2 N0 M0", "cT1-T2", "stage T1-T2", "S1/S2 heart sounds",
    "L4 - 5 mm synovial cyst", "L4 - 5.5 mm", "C6-C12", "T12-3", "L4-26-2026", "CL4-5", "L4", "", "free T3/T4",
]  # fmt: skip


@pytest.mark.parametrize(("text", "levels"), LEVELS)
def test_levels_in_normal_form(text: str, levels: tuple[str, ...]) -> None:
    """However a level is spelled, it comes out as its motion segments."""
    assert anatomy.spine_levels(text) == levels


@pytest.mark.parametrize("text", NO_LEVELS)
def test_not_a_level(text: str) -> None:
    """Pulse weightings, TNM, sizes, dates and vertebrae that do not exist are no levels."""
    assert anatomy.spine_levels(text) == ()


def test_levels_know_where_they_stand() -> None:
    """Offsets point at the words of the mention."""
    text = "Severe stenosis at L4/5, mild at L5-S1."
    assert [(text[a:b], levels) for a, b, levels in anatomy.find_levels(text)] == [
        ("L4/5", ("L4-L5",)),
        ("L5-S1", ("L5-S1",)),
    ]


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("MRI lumbar spine without contrast", ("lumbar",)),
        ("LSPINE", ("lumbar",)),
        ("CSPINE", ("cervical",)),
        ("MR T-spine", ("thoracic",)),
        ("SSPINE", ("sacral",)),
        ("L5-S1 discectomy", ("lumbar",)),
        ("C7-T1 decompression", ("cervical", "thoracic")),
        ("T12-L1", ("thoracic", "lumbar")),
        ("ACDF", ("cervical",)),
        ("TLIF L4-5", ("lumbar",)),
        ("left L5 radiculopathy", ("lumbar",)),
        ("cervical cancer staging", ()),
        ("cervical lymph node biopsy", ()),
        ("lumbar puncture", ()),
        ("CT thoracic aorta", ()),
    ],
)
def test_segments(text: str, segments: tuple[str, ...]) -> None:
    """Words, body part codes and levels name a segment; the neck of the womb and a lumbar puncture do not."""
    assert anatomy.spine_segments(text) == segments


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("right knee", "right"),
        ("Left mastectomy", "left"),
        ("MRI BREAST BILAT", "bilateral"),
        ("left greater than right", "bilateral"),
        ("Rt breast", "right"),
        ("L breast lumpectomy", "left"),
        ("both knees", "bilateral"),
        ("breast RT", None),
        ("drain left in place", None),
        ("right atrium enlarged", None),
        ("L4-5 fusion", None),
        ("", None),
    ],
)
def test_side(text: str, side: str | None) -> None:
    """A side is a side of the body: not radiotherapy, not a thing left behind, not a heart chamber."""
    assert anatomy.side(text) == side


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("MRI lumbar spine", ("spine",)),
        ("CT head and neck", ("brain", "neck")),
        ("femoral head", ("msk",)),
        ("mass in the head of the pancreas", ("abdomen",)),
        ("cervical cancer", ("pelvis",)),
        ("cervical stenosis", ("spine",)),
        ("CT chest abdomen pelvis", ("chest", "abdomen", "pelvis")),
        ("PET/CT skull base to mid-thigh", ("whole-body",)),
        ("gallbladder wall", ("abdomen",)),
        ("bladder neck", ("pelvis",)),
        ("L4-5 discectomy", ("spine",)),
        ("fusion L4-5", ("spine",)),
        ("Right upper lobe nodule", ("chest",)),
        ("MCA aneurysm clipping", ("neurovascular",)),
        ("robotic prostatectomy", ("pelvis",)),
        ("Total thyroidectomy", ("neck",)),
        ("thoracic spine", ("spine",)),
        ("aortic aneurysm repair", ("vascular",)),
        ("aortic valve replacement", ("heart",)),
        ("follow-up in clinic", ()),
    ],
)
def test_regions(text: str, regions: tuple[str, ...]) -> None:
    """Organs name their region; a phrase that would mislead is read as a whole."""
    assert anatomy.regions(text) == regions


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from(list("CTLScls0123456789-/ ,.to\n\N{EN DASH}é")), max_size=80) | st.text())
def test_any_text_is_answered(text: str) -> None:
    """No text raises; every level has the normal form and every offset lies in the text."""
    for start, end, levels in anatomy.find_levels(text):
        assert 0 <= start < end <= len(text)
        for level in levels:
            upper, lower = level.split("-")
            assert {upper[0], lower[0]} <= set("CTLS")
    assert all(0 <= start < end <= len(text) for start, end, _ in anatomy.find_sides(text))
    anatomy.regions(text)
    anatomy.spine_segments(text)
    anatomy.side(text)


@settings(deadline=None)
@given(st.sampled_from("CTLS"), st.integers(1, 12), st.integers(1, 12), st.sampled_from(["-", "/", " to ", " - "]))
def test_bare_and_full_spelling_agree(letter: str, one: int, other: int, join: str) -> None:
    """`L3-5` and `L3-L5` are the same levels when both vertebrae exist and stand in order."""
    full = anatomy.spine_levels(f"{letter}{one}{join}{letter}{other}")
    if full and one < other:
        assert anatomy.spine_levels(f"{letter}{one}{join}{other}") == full
        assert len(full) == other - one


@pytest.mark.parametrize(
    "part", ["L4-", "L4 to ", "between L4 and ", "c-", "left ", "C1-2-3-4-5-6-7-", "head of the ", " "]
)
def test_time_is_linear(part: str) -> None:
    """Ten times the text costs about ten times the time, whatever is repeated."""

    def cost(copies: int) -> float:
        text = part * copies
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            anatomy.find_levels(text)
            anatomy.find_sides(text)
            anatomy.regions(text)
            anatomy.spine_segments(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert cost(3_000) < 40 * cost(300) + 0.05
