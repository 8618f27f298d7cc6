"""Scopes of a token: SMART v1 and v2 close what they leave out; a vendor's own names close nothing."""

import pytest

from cds_service.gather.scopes import permits


@pytest.mark.parametrize(
    ("scope", "kind", "need", "expected"),
    [
        ("user/ImagingStudy.read", "ImagingStudy", "s", True),
        ("user/ImagingStudy.read", "DiagnosticReport", "s", False),
        ("patient/*.read launch/patient openid fhirUser", "DiagnosticReport", "r", True),
        ("system/*.*", "Condition", "s", True),
        ("user/Condition.write", "Condition", "s", False),
        ("user/Patient.r", "Patient", "r", True),
        ("user/Patient.r", "Patient", "s", False),
        ("user/*.rs", "Observation", "s", True),
        ("user/Observation.rs?category=laboratory", "Observation", "s", True),
        ("user/Observation.cruds", "Observation", "s", True),
        ("user/Observation.cud", "Observation", "r", False),
        ("user/DiagnosticReport.rs", "Binary", "r", True),
        ("user/Patient.rs", "Binary", "r", False),
        ("https://vendor.example/scope user/Patient.rs", "Condition", "s", False),
    ],
)
def test_smart_scopes_are_taken_at_their_word(scope: str, kind: str, need: str, expected: bool) -> None:
    """Both versions, wildcards, rights and queries; a Binary comes with what points at it."""
    assert permits(scope, kind, need) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "openid fhirUser",
        "Observation.Read (Labs) (R4) ServiceRequest.Read (Unsigned Order) (R4)",
        "user/Patient.read Observation.Search(R4)",
        "user/Patient.",
        "user/",
    ],
)
def test_what_is_not_smart_closes_nothing(scope: str) -> None:
    """An empty scope, one about sign-in alone, and names of Epic's or broken ones leave every read open."""
    assert permits(scope, "ImagingStudy", "s")
