"""Accessors read what can be read and never raise."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.gather import accessors, attachments, facts, prefetch, references
from cds_service.model import Coding, Gap

FIELDS = [
    "resourceType", "id", "subject", "reference", "code", "coding", "system", "text", "status", "category",
    "entry", "resource", "link", "relation", "url", "series", "modality", "bodySite", "started",
    "presentedForm", "data", "conclusion", "identifier", "value", "type", "extension", "class", "performer",
    "resultsInterpreter", "imagingStudy", "basedOn", "meta", "security", "valueCodeableConcept",
]  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2026-11-20T15:00:00Z", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("2026-11-20T15:00:00.1234567+00:00", datetime(2026, 11, 20, 15, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-20T15:00", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-13-40", None),
        ("yesterday", None),
        (20261120, None),
    ],
)
def test_dates_of_every_precision_are_read(sent: object, read: datetime | None) -> None:
    """A FHIR date, dateTime or instant becomes an aware datetime; anything else is absence."""
    assert accessors.instant(sent) == read


def test_a_bare_coding_stands_for_a_concept() -> None:
    """Some feeds put a Coding where a CodeableConcept belongs."""
    assert accessors.codings({"system": "s", "code": "c"}) == (Coding("s", "c"),)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is not what is tested
@given(json_values)
def test_no_json_makes_an_accessor_raise(value: object) -> None:
    """Whatever stands in prefetch, sorting it and asking it for facts never raises."""
    found = prefetch.received("imagingStudies", value, base="https://ehr.example/fhir")
    assert found.key == "imagingStudies"
    accessors.concept(value)
    accessors.identifiers(value)
    accessors.first_instant(value, "started", "status")
    list(accessors.walk_extensions(value))
    facts.encounter_class(value if isinstance(value, dict) else None)
    if isinstance(value, dict):
        parts, _, gaps = attachments.parts_of(value)
        assert all(isinstance(gap, Gap) for gap in gaps)
        assert all(part.content for part in parts)


@pytest.mark.parametrize(
    ("sent", "normal"),
    [
        ("Patient/1", "Patient/1"),
        (" Patient/1 ", "Patient/1"),
        ("Patient/1/_history/7", "Patient/1"),
        ("https://ehr.example/fhir/Patient/1", "Patient/1"),
        ("HTTPS://EHR.example/fhir/Patient/1/_history/2", "Patient/1"),
        ("https://other.example/fhir/Patient/1", "https://other.example/fhir/Patient/1"),
        ("https://ehr.example/other/Patient/1", "https://ehr.example/other/Patient/1"),
        ("urn:uuid:6b0f", "urn:uuid:6b0f"),
        ("#a", "#a"),
    ],
)
def test_references_come_to_one_form(sent: str, normal: str) -> None:
    """Two spellings of one resource compare equal, and a resource of another server never equals one of ours."""
    assert references.normal(sent, "https://ehr.example/fhir/") == normal


def test_broken_base64_is_a_gap() -> None:
    """An attachment that is no base64 becomes a gap and leaves the conclusion readable."""
    parts, _, gaps = attachments.parts_of({"conclusion": "Fine.", "presentedForm": [{"data": "%%%"}]})
    assert [part.origin for part in parts] == ["conclusion"]
    assert [gap.why for gap in gaps] == ["attachment-unreadable"]
