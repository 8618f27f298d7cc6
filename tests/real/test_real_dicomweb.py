"""The image archive: a real Orthanc with credentials of its own, asked for headers alone, within the deadline."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import builders as b
import pytest
from parts import hostile as misbehave
from parts.hostile import Hostile
from parts.orthanc import LOGIN, Archive, orthanc
from pydicom.uid import generate_uid
from requests.auth import _basic_auth_str

from cds_service.content import Content
from cds_service.gather import Deadline, Pacs, cases, orders
from cds_service.model import Case, Gap, HookRequest, Quality, Study
from cds_service.outbound.connections import guarded_session

ALLOWED = re.compile(r"/dicom-web/studies/[0-9.]+/series(/[0-9.]+/instances)?(\?\S*)?")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Orthanc on a free port of loopback."""
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def pacs(archive: Archive) -> Iterator[Pacs]:
    """The reader of that archive, with the archive's own credentials."""
    found = Pacs(archive.root, _basic_auth_str(*LOGIN), guarded_session)
    yield found
    found.close()


def study(uid: str) -> Study:
    """An ImagingStudy that names its uid."""
    return Study("ImagingStudy/s1", identifiers=(f"urn:dicom:uid|urn:oid:{uid}",))


def test_headers_tell_how_a_study_was_made(archive: Archive, pacs: Pacs) -> None:
    """Field strength, slice thickness and sequences of three real series; no pixel, frame or bulk data is asked for."""
    uid = generate_uid()
    archive.store(uid, "localizer", SliceThickness="10", MagneticFieldStrength="1.5")
    archive.store(uid, "sag T2", SliceThickness="4", MagneticFieldStrength="1.5")
    archive.store(uid, "ax STIR", SliceThickness="3.5", MagneticFieldStrength="1.5")
    found = pacs.quality(study(uid), Deadline(2))
    assert found == Quality(1.5, 3.5, 4.0, ("stir", "t2"), 2)
    asked = [path for path in archive.asked() if uid in path]
    assert asked
    assert all(ALLOWED.fullmatch(path) for path in asked), asked


def test_a_study_that_is_not_there_is_a_gap(pacs: Pacs) -> None:
    """An unknown uid brings a named gap; a study without a uid is not asked for at all."""
    assert pacs.quality(study("1.2.3.4"), Deadline(2)) == Gap("dicomweb", "fhir-not-found")
    assert pacs.quality(Study("ImagingStudy/s1"), Deadline(2)) is None


def test_wrong_credentials_are_a_gap(archive: Archive) -> None:
    """The archive refuses, and that is what the gap says."""
    own = Pacs(archive.root, "Basic d3Jvbmc6d3Jvbmc=", guarded_session)
    assert own.quality(study("1.2.3"), Deadline(2)) == Gap("dicomweb", "token-refused")
    own.close()


def test_a_slow_archive_costs_no_more_than_the_deadline(hostile_server: Hostile) -> None:
    """Nothing is waited for past the deadline."""
    hostile_server.calm()
    hostile_server.behaviour["*"] = misbehave.slow(2)
    own = Pacs(hostile_server.base, None, guarded_session)
    started = time.monotonic()
    assert own.quality(study("1.2.3"), Deadline(0.2)) == Gap("dicomweb", "fhir-timeout")
    assert time.monotonic() - started < 0.5
    own.close()


def test_the_facts_are_on_the_case_and_the_ehrs_token_stays_away(
    archive: Archive, pacs: Pacs, content: Content, hook_request: Callable[..., HookRequest]
) -> None:
    """One look for a case that is still open, none for one that is settled; the archive never sees the EHR's token."""
    uid = generate_uid()
    archive.store(uid, "sag T1", SliceThickness="5", MagneticFieldStrength="0.3")
    own = b.mri(identifier=[{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}])
    more: dict[str, Any] = {
        "fhirServer": "https://ehr.example/fhir",
        "fhirAuthorization": {"access_token": "secret-of-the-ehr", "token_type": "Bearer"},
    }
    request = hook_request(b.fusion(), prefetch=b.prefetch(own, b.report()), **more)
    basket = orders(request, content.value_sets)

    def gathered(settled: bool) -> Case:
        (case,) = cases(
            request, basket, content=content, now=b.NOW, deadline=Deadline(2), pacs=pacs, settled=lambda case: settled
        )
        return case

    assert gathered(settled=True).study.quality is None  # type: ignore[union-attr]
    assert gathered(settled=False).study.quality == Quality(0.3, 5.0, 5.0, ("t1",), 1)  # type: ignore[union-attr]
    assert "secret-of-the-ehr" not in archive.log.read_text(errors="replace")
