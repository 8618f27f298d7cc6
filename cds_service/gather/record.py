"""The patient's record as one call knows it: prefetch, plus what was read; no resource of another patient gets in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from cds_service.gather import attachments, facts, imaging
from cds_service.gather.accessors import Raw, text
from cds_service.gather.fhir import Answer
from cds_service.gather.orders import of_patient, read_order
from cds_service.gather.prefetch import Received, received
from cds_service.gather.references import contained, key_of
from cds_service.model import (
    Condition,
    Gap,
    HookRequest,
    Order,
    Patient,
    Procedure,
    Report,
    ReportPart,
    StageObservation,
    Standing,
    Study,
)
from cds_service.terminology import ValueSets

# Which prefetch key a resource type belongs to, wherever it came from.
_OF_PATIENT = frozenset(
    {
        "ImagingStudy",
        "DiagnosticReport",
        "Condition",
        "ServiceRequest",
        "MedicationRequest",
        "Procedure",
        "Observation",
        "Composition",
        "Encounter",
    }
)


@dataclass(slots=True)
class Record:
    """Raw resources by name, growing while the call reads; `facts_of` turns it into frozen facts."""

    request: HookRequest
    standings: Callable[[tuple[str, ...]], tuple[Standing, ...]] | None = None  # of who signs, and where
    received: dict[str, Received] = field(default_factory=dict)
    by_name: dict[str, Raw] = field(default_factory=dict)
    by_type: dict[str, dict[str, Raw]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)  # places read, or tried
    pages: dict[str, int] = field(default_factory=dict)  # pages taken of one search
    binaries: dict[str, ReportPart | Gap] = field(default_factory=dict)
    natives: dict[str, str] = field(default_factory=dict)  # places of Binaries, with their announced content types
    rejected: set[str] = field(default_factory=set)  # searches the server will not answer as they were put
    own: str = ""  # the patient of the context, as a relative reference

    def __post_init__(self) -> None:
        self.own = f"Patient/{self.request.patient_id}"

    @property
    def base(self) -> str | None:
        """The caller's FHIR base."""
        return self.request.fhir.base if self.request.fhir else None

    def take(self, found: Received) -> None:
        """Add what one key brought; a later answer for a key replaces its gap."""
        self.received[found.key] = found
        self.add(found.found, found.aliases, found.key)

    def learn(self, purpose: str, place: str, answer: Answer) -> None:
        """Take one FHIR answer for what it was asked for; what did not come becomes a named gap."""
        self.asked.add(place)
        if answer.why == "fhir-rejected":
            self.rejected.add(place)
        before = self.received.get(purpose)
        if purpose == "binary":
            gap = Gap("presentedForm", answer.why)
            self.binaries[place] = attachments.from_binary(answer.body) if answer.body is not None else gap
        elif before is None:  # a single reference, or the roles of a reader
            if answer.body is None:
                self.gaps.append(Gap(place.partition("?")[0] if "?" in place else place, answer.why))
                return
            found = received(purpose, answer.body, base=self.base)
            # an absolute address is a name as good as the resource's own
            names = dict.fromkeys([place] if found.state == "resource" else [], next(iter(found.found), ""))
            self.add(found.found, {**found.aliases, **names}, purpose)
        elif answer.body is not None:
            self.pages[purpose] = self.pages.get(purpose, 0) + 1
            self.take(received(purpose, answer.body, base=self.base))
        else:
            self.received[purpose] = replace(before, gaps=(*before.gaps, Gap(purpose, answer.why))[-1:])

    def add(self, found: Mapping[str, Raw], aliases: Mapping[str, str], key: str) -> None:
        """Add resources by name, refusing those of another patient (decision 5). The first copy of a name stays."""
        for name, resource in found.items():
            if name in self.by_name:
                continue
            if self.belongs(resource):
                self.by_name[name] = resource
                self.by_type.setdefault(resource["resourceType"], {})[name] = resource
            else:
                self.gaps.append(Gap(key, "wrong-patient"))
        for alias, name in aliases.items():
            if name in self.by_name:
                self.by_name.setdefault(alias, self.by_name[name])

    def belongs(self, resource: Raw) -> bool:
        """Whether a resource may be used for this patient."""
        subject = resource.get("subject")
        if isinstance(subject, dict) and subject.get("reference") == self.own:  # how nearly all are spelled
            return True
        kind = text(resource, "resourceType")
        if kind == "Patient":
            return text(resource, "id") == self.request.patient_id
        return kind not in _OF_PATIENT or of_patient(resource, self.request.patient_id, self.base)

    def named(self, kind: str) -> Iterable[tuple[str, Raw]]:
        """Every resource of one type with its name, each once."""
        return self.by_type.get(kind, {}).items()

    def all(self, kind: str) -> list[Raw]:
        """Every resource of one type, each once."""
        return list(self.by_type.get(kind, {}).values())

    def find(self, reference: str, holder: Raw | None = None) -> Raw | None:
        """The resource a reference names: contained in its holder, or anywhere in the record."""
        if reference.startswith("#"):
            return contained(holder or {}, reference)
        return self.by_name.get(reference)

    def open_gaps(self) -> tuple[Gap, ...]:
        """Gaps of the keys that are still unsatisfied, and all others met on the way."""
        found: list[Gap] = []
        for key, brought in self.received.items():
            found += brought.gaps
            if brought.state == "page":
                found.append(Gap(key, "page-missing"))
        return tuple(dict.fromkeys(found + self.gaps))


@dataclass(frozen=True, slots=True)
class Facts:
    """The record as facts, before any order is linked."""

    patient: Patient
    encounter_class: str | None
    location: str | None  # the encounter's first place, else who provides it
    setting: tuple[str, ...]  # the encounter's provider and places, as references
    studies: tuple[Study, ...]
    reports: tuple[Report, ...]
    conditions: tuple[Condition, ...]
    procedures: tuple[Procedure, ...]
    orders_on_file: tuple[Order, ...]
    staging: tuple[StageObservation, ...]


def facts_of(record: Record, value_sets: ValueSets, drafts: Iterable[str]) -> Facts:
    """Every resource of the record as a fact; the draft orders themselves are not on file."""
    base, patient_id = record.base, record.request.patient_id
    own = set(drafts)
    orders = [r for kind in ("ServiceRequest", "MedicationRequest") for r in record.all(kind)]
    on_file = [r for r in orders if key_of(r) not in own or text(r, "status") not in ("draft", "")]
    encounter = next(iter(_encounters(record)), None)
    stages = [facts.stage_of(r, value_sets) for r in record.all("Observation")]
    return Facts(
        patient=facts.patient_of(next(iter(record.all("Patient")), None), patient_id),
        encounter_class=facts.encounter_class(encounter),
        location=facts.location_of(encounter, base),
        setting=facts.setting_of(encounter, base),
        studies=tuple(imaging.study_of(name, r, value_sets, base) for name, r in record.named("ImagingStudy")),
        reports=tuple(imaging.report_of(name, r, value_sets, base) for name, r in record.named("DiagnosticReport")),
        conditions=tuple(facts.condition_of(name, r, value_sets) for name, r in record.named("Condition")),
        procedures=tuple(facts.procedure_of(r, value_sets) for r in record.all("Procedure")),
        orders_on_file=tuple(read_order(r, value_sets, base, record.by_name) for r in on_file),
        staging=tuple(stage for stage in stages if stage),
    )


def _encounters(record: Record) -> list[Raw]:
    wanted = record.request.encounter_id
    return [r for r in record.all("Encounter") if not wanted or text(r, "id") == wanted]
