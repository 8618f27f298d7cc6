"""What must hold for any layout and any content: offsets, twins, appended lines, and time linear in length."""

import logging
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.model import Finding, Reading, ReportPart
from cds_service.reading import Lexicon, read

SENTENCES = [
    "Moderate central canal stenosis at L4-L5.",
    "No stenosis at L3-L4.",
    "Mild to moderate left and mild right foraminal stenosis at L4-L5.",
    "A 2.3 cm spiculated mass in the right upper lobe, suspicious for malignancy.",
    "No evidence of metastatic disease.",
    "Hepatic lesion cannot be further characterized.",
    "BI-RADS category 4B.",
    "Lung-RADS 2, previously Lung-RADS 4A.",
    "History of breast cancer.",
    "Grade 1 anterolisthesis of L4 on L5.",
    "The heart is normal in size.",
    "Stable simple renal cyst measuring 3.1 x 2.2 cm.",
    "Enhancement may represent radiation necrosis versus recurrent tumor.",
    "Staging is cT2 N0 M0.",
]
HEADINGS = ["FINDINGS:", "IMPRESSION:", "HISTORY:", "INDICATION:", "COMPARISON:", "ADDENDUM:", "RECOMMENDATION:"]
LEGEND = (
    "BI-RADS scale: 0 = incomplete, 1 = negative, 2 = benign, 3 = probably benign, 4 = suspicious for malignancy, "
    "5 = highly suggestive of malignancy, 6 = known malignancy."
)

reports = st.lists(
    st.tuples(st.sampled_from(HEADINGS), st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)
layouts = st.sampled_from(["\n", "\n\n", " ", "\n1. ", "\n- "])
fast = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lay_out(report: list[tuple[str, list[str]]], between: str) -> str:
    """One report as text."""
    return "\n\n".join(heading + between + between.join(sentences) for heading, sentences in report)


def read_text(text: str, lexicon: Lexicon) -> Reading:
    """The reading of one rendering."""
    return read((ReportPart("presentedForm", text),), lexicon)


def label(finding: Finding) -> tuple[object, ...]:
    """What a finding says, without where."""
    return (
        finding.concept, finding.assertion, finding.severity, finding.levels, finding.side, finding.size_mm,
        finding.prior_size_mm, finding.suspicion, finding.value, finding.flag, finding.section, finding.hedged,
    )  # fmt: skip


def asserted(reading: Reading) -> list[tuple[object, ...]]:
    """What the report itself states or suspects."""
    return [label(f) for f in reading.findings if f.assertion in ("present", "uncertain")]


def check_offsets(reading: Reading) -> None:
    """The promises every finding makes about the text."""
    for finding in reading.findings:
        assert finding.quote == reading.text[finding.start : finding.end]
        assert 0 < len(finding.quote) <= 160
        assert finding.start <= finding.mention[0] < finding.mention[1] <= finding.end
        assert finding.quote == finding.quote.strip()
    for section in reading.sections:
        assert 0 <= section.start <= section.end <= len(reading.text)


@given(report=reports, between=layouts)
@fast
def test_offsets_hold_in_every_layout(report: list[tuple[str, list[str]]], between: str, lexicon: Lexicon) -> None:
    """A quote is the literal text between its offsets, and holds the words that were read."""
    check_offsets(read_text(lay_out(report, between), lexicon))


@given(text=st.text(max_size=300), noise=st.sampled_from(SENTENCES))
@fast
def test_any_text_is_survived(text: str, noise: str, lexicon: Lexicon) -> None:
    """No content raises, and offsets hold with any characters around."""
    check_offsets(read_text(f"{text} {noise} {text}", lexicon))


@given(raw=st.binary(max_size=300))
@fast
def test_any_bytes_are_survived(raw: bytes, lexicon: Lexicon) -> None:
    """No bytes raise."""
    check_offsets(read((ReportPart("presentedForm", raw),), lexicon))


@given(report=reports, between=layouts)
@fast
def test_line_ends_do_not_matter(report: list[tuple[str, list[str]]], between: str, lexicon: Lexicon) -> None:
    """LF and CRLF twins give identical findings, offsets included."""
    text = lay_out(report, between)
    assert read_text(text, lexicon).findings == read_text(text.replace("\n", "\r\n"), lexicon).findings


@given(report=reports, between=layouts)
@fast
def test_capitals_do_not_matter(report: list[tuple[str, list[str]]], between: str, lexicon: Lexicon) -> None:
    """A report dictated in capitals is read like any other."""
    text = lay_out(report, between)
    small, large = read_text(text, lexicon), read_text(text.upper(), lexicon)
    strip = [(*label(f)[:8], (f.value or "").upper(), *label(f)[9:]) for f in small.findings]
    assert strip == [(*label(f)[:8], (f.value or "").upper(), *label(f)[9:]) for f in large.findings]


@given(report=reports)
@fast
def test_soft_wraps_do_not_matter(report: list[tuple[str, list[str]]], lexicon: Lexicon) -> None:
    """A margin at 60 columns changes no label."""
    text = lay_out(report, " ")
    wrapped = "\n\n".join(wrap(block, 60) for block in text.split("\n\n"))
    assert [label(f) for f in read_text(wrapped, lexicon).findings] == [
        label(f) for f in read_text(text, lexicon).findings
    ]


def wrap(text: str, width: int) -> str:
    """Break lines at a margin."""
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


@pytest.mark.parametrize(
    "added",
    [
        "No family history of cancer.",
        "\n\nINDICATION: rule out metastasis.",
        "\n\nHISTORY: Breast cancer with lung nodule.",
        "\n\n" + LEGEND,
        "\n\nTECHNIQUE: CT performed for staging of lung mass.",
    ],
)
@given(report=reports)
@fast
def test_lines_that_state_nothing_add_nothing(
    added: str, report: list[tuple[str, list[str]]], lexicon: Lexicon
) -> None:
    """A family history, an indication or a scale legend never adds an asserted finding."""
    text = lay_out([*report, ("FINDINGS:", ["The heart is normal in size."])], " ")
    assert asserted(read_text(f"{text} {added}", lexicon)) == asserted(read_text(text, lexicon))


@given(order=st.permutations(SENTENCES))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_items_does_not_matter(order: list[str], lexicon: Lexicon) -> None:
    """Shuffled list items keep their labels."""
    here = sorted(map(str, map(label, read_text("FINDINGS:\n" + "\n".join(order), lexicon).findings)))
    there = sorted(map(str, map(label, read_text("FINDINGS:\n" + "\n".join(SENTENCES), lexicon).findings)))
    assert here == there


HOSTILE = {
    "rads-filler": lambda n: "BI-RADS" + " :" * n + "x",
    "category": lambda n: "BI-RADS " + "category " * n,
    "digits": lambda n: "mass " + "1" * n,
    "newlines": lambda n: "mass" + "\n" * n + "mass",
    "one-sentence": lambda n: "mass without stenosis at L4-L5 " * (n // 8),
    "negations": lambda n: "mass no evidence of " * (n // 4),
    "colons": lambda n: "impression:" * (n // 4),
    "levels": lambda n: "stenosis L4-" * (n // 4),
    "severities": lambda n: "mild to moderate " * (n // 4) + "canal stenosis",
    "sizes": lambda n: "mass 3 x " * (n // 4),
    "tnm": lambda n: "T1 N" * n,
    "brackets": lambda n: "<" * n + "mass",
    "html": lambda n: "<div>" * n + "mass",
    "escapes": lambda n: "\\" * n + ".br\\ mass",
    "blanks": lambda n: "mass" + " " * n + "mass",
    "legend": lambda n: "BI-RADS 1 = benign, " * (n // 4),
    "lines": lambda n: "L4-L5:\n" * (n // 4) + "Moderate stenosis",
    "short-sentences": lambda n: "No mass. " * (n // 4),
}


def steps(text: str, lexicon: Lexicon) -> int:
    """How many lines of Python a reading takes: a measure that no busy machine disturbs."""
    count = 0

    def trace(frame: object, event: str, arg: object) -> object:
        nonlocal count
        count += 1
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        read_text(text, lexicon)
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_time_linear_in_their_length(name: str, lexicon: Lexicon) -> None:
    """Twice the text takes at most about twice the steps, up to the cap."""
    short, long = steps(HOSTILE[name](400), lexicon), steps(HOSTILE[name](800), lexicon)
    assert long <= 2.6 * short + 400


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_of_any_length_are_survived(name: str, lexicon: Lexicon) -> None:
    """A hundred thousand characters of anything come back, with their offsets in order."""
    check_offsets(read_text(HOSTILE[name](50_000), lexicon))


def test_reading_logs_nothing(
    lexicon: Lexicon, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """No report text reaches a log or a stream at any level."""
    with caplog.at_level(logging.DEBUG):
        read_text("A mass in the liver that nobody may see in a log. " + LEGEND, lexicon)
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")
