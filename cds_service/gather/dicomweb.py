"""A look at the headers of a study's images over DICOMweb (DICOM PS3.18, QIDO-RS): how it was made, no more.

Optional and off by default. One archive, named by the operator, with credentials of its own: no address is taken from
a request or a resource, and no token of the EHR goes there. Only searches for series, and for one instance of a series,
are made; frames, rendered images and bulk data are never asked for.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from typing import Any

import requests

from cds_service.gather.accessors import number
from cds_service.gather.breaker import Breaker, State
from cds_service.gather.deadline import Deadline
from cds_service.gather.wire import SHORTEST_READ, Answer, Job, Wires, read
from cds_service.model import Gap, Quality, Study

THICKNESS, FIELD, CONTRAST, DESCRIPTION, MODALITY, SERIES_UID = (
    "00180050", "00180087", "00180010", "0008103E", "00080060", "0020000E",
)  # fmt: skip
_FIELDS = "&".join(f"includefield={tag}" for tag in (THICKNESS, FIELD, CONTRAST, DESCRIPTION))
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_LONGEST_UID = 64
MOST_SERIES = 16
MAX_BYTES = 2 * 1024 * 1024
# Words of series descriptions, as scanners and sites write them; one series may name several.
_SEQUENCES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("t1", re.compile(r"(?<![a-z0-9])t1(?![0-9])", re.I)),
    ("t2", re.compile(r"(?<![a-z0-9])t2(?![0-9])", re.I)),
    ("stir", re.compile(r"stir|\btirm\b", re.I)),
    ("flair", re.compile(r"flair", re.I)),
    ("diffusion", re.compile(r"dwi|\bdiff|\badc\b|ep2d_diff", re.I)),
    ("perfusion", re.compile(r"perf|\bdsc\b|\bdce\b", re.I)),
    ("gradient-echo", re.compile(r"\bswi\b|\bgre\b|hemo|t2\*", re.I)),
    ("post-contrast", re.compile(r"post|\+c\b|\bgad|contrast|\bkm\b|\bc\+", re.I)),
)
_NO_CONTRAST = re.compile(r"\b(?:without|w/o|no|non|pre)[ -]*(?:iv )?(?:contrast|gad)|\bpre\b", re.I)
_LOCALIZER = re.compile(r"locali[sz]er|scout|survey|topogram", re.I)


class Pacs:
    """The archive that the operator named. One per process, made after fork."""

    def __init__(
        self,
        root: str,
        authorization: str | None,
        session: Callable[[], requests.Session],
        *,
        parallel: int = 8,
        clock: Callable[[], float] = time.monotonic,
        on_circuit: Callable[[str, State], None] | None = None,
    ) -> None:
        self.root = root.rstrip("/")
        self._headers = {"Accept": "application/dicom+json"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._session, self._parallel = session, parallel
        self._breaker = Breaker(clock=clock, on_change=(lambda s: on_circuit(self.root, s)) if on_circuit else None)
        self._lock = threading.Lock()
        self._pid = 0
        self._wires: Wires | None = None

    def quality(self, study: Study, deadline: Deadline) -> Quality | Gap | None:
        """What the headers tell of a study, a named gap, or None where the study has no DICOM uid to ask by."""
        uid = dicom_uid(study)
        if uid is None:
            return None
        (listed,) = self._get([f"studies/{uid}/series?{_FIELDS}"], deadline)
        if not isinstance(listed.body, list):
            return Gap("dicomweb", listed.why or "unreadable")
        series = [each for each in listed.body[:MOST_SERIES] if isinstance(each, dict)]
        if not series:
            return Gap("dicomweb", "fhir-not-found")
        thin = [each for each in series if _value(each, THICKNESS) is None and _UID.fullmatch(_text(each, SERIES_UID))]
        places = [f"studies/{uid}/series/{_text(each, SERIES_UID)}/instances?limit=1&{_FIELDS}" for each in thin]
        for each, answer in zip(thin, self._get(places, deadline), strict=True):
            if isinstance(answer.body, list) and answer.body and isinstance(answer.body[0], dict):
                each.update({tag: value for tag, value in answer.body[0].items() if tag not in each})
        return quality_of(series)

    def close(self) -> None:
        """Let go of threads and connections."""
        with self._lock:
            if self._wires and self._pid == os.getpid():
                self._wires.close()
            self._wires = None

    def _get(self, places: list[str], deadline: Deadline) -> list[Answer]:
        left = deadline.remaining
        if not places or left < SHORTEST_READ:
            return [Answer(why="fhir-timeout") for _ in places]
        if not self._breaker.admits():
            return [Answer(why="circuit-open") for _ in places]
        with self._lock:
            if self._wires is None or self._pid != os.getpid():
                self._wires, self._pid = Wires(self._session(), self._parallel), os.getpid()
            wires = self._wires
        jobs: list[tuple[Future[Answer], Job]] = []
        for place in places:
            job, url = Job(), f"{self.root}/{place}"
            reading = wires.threads.submit(
                read, wires.session, url, self._headers, deadline, max_bytes=MAX_BYTES, job=job
            )
            jobs.append((reading, job))
        wait([reading for reading, _ in jobs], timeout=deadline.remaining)
        answers = []
        for reading, job in jobs:
            if reading.done():
                answers.append(reading.result())
            else:
                if not reading.cancel():
                    job.abort()
                answers.append(Answer(why="fhir-timeout"))
        if not all(answer.dead for answer in answers):
            self._breaker.answered()
        elif left >= 0.1:
            self._breaker.failed()
        return answers


def dicom_uid(study: Study) -> str | None:
    """The study instance uid among an ImagingStudy's identifiers (`urn:dicom:uid|urn:oid:…`)."""
    for identifier in study.identifiers:
        system, _, value = identifier.rpartition("|")
        uid = value.removeprefix("urn:oid:")
        is_dicom = system == "urn:dicom:uid" or value.startswith("urn:oid:")
        if is_dicom and len(uid) <= _LONGEST_UID and _UID.fullmatch(uid):
            return uid
    return None


def quality_of(series: Iterable[dict[str, Any]]) -> Quality:
    """The facts of these series in DICOM JSON (PS3.18 annex F); localizers are left out."""
    told = [each for each in series if not _LOCALIZER.search(_text(each, DESCRIPTION))]
    thickness = [found for each in told if (found := _value(each, THICKNESS)) is not None and found > 0]
    fields = [found for each in told if (found := _value(each, FIELD)) is not None and found > 0]
    sequences = {name for each in told for name in _sequences(each)}
    return Quality(
        field_strength=_tesla(max(fields)) if fields else None,
        slice_thickness=min(thickness) if thickness else None,
        thickest=max(thickness) if thickness else None,
        sequences=tuple(sorted(sequences)),
        series=len(told),
    )


def _sequences(series: dict[str, Any]) -> list[str]:
    words = _text(series, DESCRIPTION)
    found = [name for name, pattern in _SEQUENCES if pattern.search(words)]
    if "post-contrast" in found and _NO_CONTRAST.search(words):
        found.remove("post-contrast")
    if _text(series, CONTRAST) and "post-contrast" not in found and not _NO_CONTRAST.search(words):
        found.append("post-contrast")
    return found


def _tesla(told: float) -> float:
    """Some scanners write gauss."""
    return told / 10_000 if told > 100 else told


def _first(series: dict[str, Any], tag: str) -> Any:
    element = series.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _text(series: dict[str, Any], tag: str) -> str:
    found = _first(series, tag)
    return found.strip() if isinstance(found, str) else ""


def _value(series: dict[str, Any], tag: str) -> float | None:
    return number(_first(series, tag))
