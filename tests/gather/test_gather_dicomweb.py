"""What image headers tell of a study: field strength, slice thickness and sequences; only a uid is asked by."""

from typing import Any

import pytest

from cds_service.gather.dicomweb import dicom_uid, quality_of
from cds_service.model import Study


def series(description: str, **tags: Any) -> dict[str, Any]:
    """One series in DICOM JSON."""
    return {"0008103E": {"vr": "LO", "Value": [description]}} | {
        tag: {"vr": "DS", "Value": [value]} for tag, value in tags.items()
    }


def test_thickness_and_field_come_from_all_series_but_localizers() -> None:
    """The thinnest and the thickest series, in mm; the field in tesla, which some write in gauss."""
    told = [
        series("Localizer", **{"00180050": 10, "00180087": 1.5}),
        series("sag T1", **{"00180050": 4, "00180087": 15000}),
        series("ax T2", **{"00180050": "0.9"}),
    ]
    found = quality_of(told)
    assert (found.slice_thickness, found.thickest, found.field_strength, found.series) == (0.9, 4.0, 1.5, 2)


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("t1_vibe_fs_tra_bh_dyn", ("t1",)),
        ("Ax T2 FLAIR", ("flair", "t2")),
        ("ep2d_diff_b1000_ADC", ("diffusion",)),
        ("SAG STIR", ("stir",)),
        ("AX T1 POST GAD", ("post-contrast", "t1")),
        ("AX T1 pre contrast", ("t1",)),
        ("T1 without contrast", ("t1",)),
        ("CT ABDOMEN W CONTRAST", ("post-contrast",)),
        ("Lung 1.0 B70f", ()),
        ("T10-T12 axial", ()),
    ],
)
def test_sequences_by_their_names(description: str, expected: tuple[str, ...]) -> None:
    """What scanners and sites write; contrast that was not given is not told; a thoracic level is no weighting."""
    assert quality_of([series(description)]).sequences == expected


@pytest.mark.parametrize(
    "odd", [{}, {"0008103E": 3}, {"00180050": {"Value": ["thin"]}}, {"00180087": {"Value": [None]}}]
)
def test_odd_headers_tell_nothing(odd: dict[str, Any]) -> None:
    """What cannot be read is not known."""
    found = quality_of([odd])
    assert (found.slice_thickness, found.field_strength, found.sequences) == (None, None, ())


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("urn:dicom:uid|urn:oid:1.2.840.99.1", "1.2.840.99.1"),
        ("urn:dicom:uid|1.2.840.99.1", "1.2.840.99.1"),
        ("urn:site:acsn|A-77", None),
        ("urn:dicom:uid|urn:oid:1.2/../../instances", None),
        ("urn:dicom:uid|" + "1." * 40 + "1", None),
    ],
)
def test_a_study_is_asked_for_by_its_uid_alone(identifier: str, expected: str | None) -> None:
    """Accession numbers are not asked by, for they may be another patient's; what is no uid is never put in a path."""
    assert dicom_uid(Study("ImagingStudy/1", identifiers=(identifier,))) == expected
