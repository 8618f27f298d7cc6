"""What a report says as a whole: contradictions named, regions examined, dates of comparison, and the round trip."""

import pytest

from cds_service.model import Reading, ReportPart, from_json, to_json
from cds_service.reading import Lexicon, read
from cds_service.reading.priors import date_in


def reading(text: str, lexicon: Lexicon) -> Reading:
    """The reading of one rendering."""
    return read((ReportPart("presentedForm", text),), lexicon)


CONTRADICTORY = {
    "side": "FINDINGS:\n3 cm solid mass in the left kidney.\n\nIMPRESSION:\nRight renal mass, 3 cm.",
    "presence": "FINDINGS:\nHepatic metastases are present.\n\nIMPRESSION:\nNo hepatic metastases.",
    "category": "FINDINGS:\nPI-RADS 5 lesion.\n\nIMPRESSION:\nPI-RADS 3 lesion.",
    "severity": "FINDINGS:\nL4-L5: Severe canal stenosis.\n\nIMPRESSION:\nModerate canal stenosis at L4-L5.",
}
AGREEING = {
    "side": "FINDINGS:\n3 cm solid mass in the left kidney.\n\nIMPRESSION:\nLeft renal mass, 3 cm.",
    "two sides": "FINDINGS:\nMass in the left kidney. Mass in the right kidney.\n\nIMPRESSION:\nRight renal mass.",
    "other organ": "FINDINGS:\nLeft adrenal nodule.\n\nIMPRESSION:\nRight renal mass.",
    "presence": "FINDINGS:\nHepatic metastases are present.\n\nIMPRESSION:\nHepatic metastases.",
    "other region": "FINDINGS:\nNo brain metastases.\n\nIMPRESSION:\nHepatic metastases.",
    "severity": "FINDINGS:\nL4-L5: Severe canal stenosis.\n\nIMPRESSION:\nSevere canal stenosis at L4-L5.",
    "other level": "FINDINGS:\nL4-L5: Severe canal stenosis.\n\nIMPRESSION:\nModerate canal stenosis at L3-L4.",
}


@pytest.mark.parametrize("kind", CONTRADICTORY)
def test_a_report_that_contradicts_itself_says_so(kind: str, lexicon: Lexicon) -> None:
    """Findings and impression that cannot both be right are one conflict, with both places."""
    one = reading(CONTRADICTORY[kind], lexicon)
    assert [conflict.kind for conflict in one.conflicts] == [kind]
    first, second = one.findings[one.conflicts[0].first], one.findings[one.conflicts[0].second]
    assert (first.section, second.section) == ("findings", "impression")


@pytest.mark.parametrize("name", AGREEING)
def test_a_report_that_agrees_with_itself_has_no_conflict(name: str, lexicon: Lexicon) -> None:
    """Two lesions, two organs, two regions or two levels contradict nothing."""
    assert reading(AGREEING[name], lexicon).conflicts == ()


def test_the_regions_examined_are_those_of_the_title(lexicon: Lexicon) -> None:
    """A finding outside them can be told by its own region and organ."""
    one = reading(
        "EXAM: MRI LUMBAR SPINE WITHOUT CONTRAST\n\nFINDINGS:\nIncidental 2 cm lesion of the left kidney.", lexicon
    )
    lesion = next(finding for finding in one.findings if finding.concept == "lesion")
    assert one.examined == ("spine",)
    assert (lesion.regions, lesion.organs, lesion.incidental) == (("abdomen",), ("kidney",), True)


def test_a_size_in_the_sentence_that_points_back_belongs_to_the_lesion(lexicon: Lexicon) -> None:
    """`It measures` speaks of what was just named."""
    one = reading("There is a mass in the left kidney. It measures 3.2 x 2.8 cm.", lexicon)
    lesion = next(finding for finding in one.findings if finding.concept == "lesion")
    assert (lesion.size_mm, lesion.axes_mm) == (32.0, (32.0, 28.0))


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("ct chest dated 03/12/2025", "2025-03-12"), ("mri 2024-01-09", "2024-01-09"), ("25/12/2023", "2023-12-25"),
        ("mri of june 3, 2024", "2024-06-03"), ("14 january 2024", "2024-01-14"), ("march 2022", "2022-03"),
        ("ct from 2019", "2019"), ("01/02/98", "1998-01-02"), ("ct 2023-01-02 and ct 2024-05-06", "2024-05-06"),
        ("ct chest", None), ("99/99/2024", None), ("series 4, image 120", None),
    ],
)  # fmt: skip
def test_the_date_of_a_comparison_is_the_latest_it_names(text: str, date: str | None) -> None:
    """However it is written; a number that is no date is none."""
    assert date_in(text) == date


def test_a_reading_survives_json_with_all_its_parts(lexicon: Lexicon) -> None:
    """Stages, axes, conflicts and all come back as they went."""
    text = (
        "EXAM: CT ABDOMEN\nCOMPARISON: CT 03/12/2025.\nFINDINGS:\n3 x 2 cm mass in the left kidney. cT1a N0 M0. "
        "NI-RADS primary 2a, neck 3. CAD-RADS 4A/P3. Radiation necrosis versus recurrent tumor.\n"
        "IMPRESSION:\nRight renal mass."
    )
    one = reading(text, lexicon)
    assert one.conflicts
    assert from_json(Reading, to_json(one)) == one
