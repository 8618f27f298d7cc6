"""Routing: by organ before region; what proves a reader's subspecialty and what never does."""

import json
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.model import Coding, Member, Order, OrderKind, Study
from cds_service.routing import Routing, load_routing
from cds_service.terminology import ValueSets
from cds_service.terminology.valuesets import REGIONS

DCM = "http://dicom.nema.org/resources/ontology/DCM"
NUCC = "http://nucc.org/provider-taxonomy"


def order(kind: OrderKind, group: str = "", region: str | None = None, value_set: str = "high-stakes-surgery") -> Order:
    """An order as the gathering room recognises it."""
    members = (Member(value_set, group, "x", "urn:x", "x", region),) if group else ()
    return Order("ServiceRequest/1", kind, "draft", members=members, region=region)


@pytest.mark.parametrize(
    ("group", "region", "id"),
    [
        ("prostate", "pelvis", "abdominal"),
        ("bladder", "pelvis", "abdominal"),
        ("kidney", "abdomen", "abdominal"),
        ("adrenal/testis", "pelvis", "abdominal"),
        ("liver", "abdomen", "abdominal"),
        ("pancreas", "abdomen", "abdominal"),
        ("colorectal", "abdomen", "abdominal"),
        ("stomach", "abdomen", "abdominal"),
        ("gynaecological", "pelvis", "obgyn"),
        ("neurovascular", "neurovascular", "neuroradiology"),
        ("cranial", "brain", "neuroradiology"),
        ("thoracic resection", "chest", "thoracic"),
        ("esophagus", "chest", "thoracic"),
        ("breast", "breast", "breast"),
        ("thyroid/parathyroid", "neck", "head-neck"),
        ("musculoskeletal tumour", "msk", "musculoskeletal"),
        ("aortic aneurysm", "vascular", "vascular"),
        ("nodal dissection", None, "oncologic"),
    ],
)
def test_by_organ_first(routing: Routing, group: str, region: str | None, id: str) -> None:
    """The operation's organ decides, whatever the region."""
    found = routing.route(order("surgery", group, region), None, None)
    assert found is not None
    assert found.id == id


def test_every_surgery_group_is_routed(routing: Routing, value_sets: ValueSets) -> None:
    """No group of the surgery sets is left without a reader, and no row names a group that does not exist."""
    for group in value_sets.groups("high-stakes-surgery"):
        assert routing.route(order("surgery", group), None, None) is not None, group
    named = {group for (value_set, group) in routing._by_group if value_set == "high-stakes-surgery"}
    assert named == value_sets.groups("high-stakes-surgery")
    for group in value_sets.groups("spine-surgery"):
        found = routing.route(order("surgery", group, "spine", "spine-surgery"), None, None)
        assert found is not None
        assert (found.id, found.or_) == ("neuroradiology", ("musculoskeletal",))


def test_every_region_is_routed(routing: Routing) -> None:
    """Each region key but `other` names a reader."""
    for region in REGIONS - {"other"}:
        assert routing.route(order("radiotherapy", region=region), None, None) is not None, region


def test_brain_is_not_musculoskeletal(routing: Routing) -> None:
    """Musculoskeletal readers are as right for the spine alone."""
    brain = routing.route(order("surgery", "cranial", "brain"), None, None)
    assert brain is not None
    assert brain.or_ == ()


def test_the_pelvis_is_told_apart_by_words(routing: Routing) -> None:
    """An ovarian cancer goes to gynaecologic imaging, a prostate cancer to abdominal imaging."""
    for words, id in (("Malignant neoplasm of ovary", "obgyn"), ("Malignant neoplasm of prostate", "abdominal")):
        reason = Member("cancer-conditions", "malignant", "x", "urn:x", words, "pelvis")
        treatment = Order("MedicationRequest/1", "systemic-therapy", "draft", region="pelvis", reason_members=(reason,))
        found = routing.route(treatment, None, None)
        assert found is not None
        assert found.id == id


def test_region_of_the_study(routing: Routing) -> None:
    """An order without a region takes that of its study; one of several regions goes to oncologic imaging."""
    chest = Study("ImagingStudy/1", regions=("chest",))
    body = Study("ImagingStudy/2", regions=("chest", "abdomen", "pelvis"))
    found = [routing.route(order("systemic-therapy"), study, None) for study in (chest, body, None)]
    assert [one.id for one in found if one] == ["thoracic", "oncologic", "oncologic"]
    assert routing.route(order("surgery"), None, None) is None


def test_a_rule_may_fix_the_reader(routing: Routing) -> None:
    """What the rule says goes before everything; the spine keeps its other right reader."""
    found = routing.route(order("surgery", "liver", "abdomen"), None, "oncologic")
    assert found is not None
    assert found.id == "oncologic"
    spine = routing.route(order("surgery", "fusion", "spine", "spine-surgery"), None, "neuroradiology")
    assert spine is not None
    assert spine.or_ == ("musculoskeletal",)
    with pytest.raises(KeyError):
        routing.subspecialty("nobody")


@pytest.mark.parametrize(
    ("system", "code", "ids"),
    [
        (DCM, "128011", ("neuroradiology",)),
        (NUCC, "2085N0700X", ("neuroradiology",)),
        (NUCC, "2085D0003X", ("neuroradiology",)),
        (NUCC, "2085B0100X", ("abdominal",)),
        (NUCC, "2085P0229X", ("pediatric",)),
        (NUCC, "2085R0204X", ("vascular",)),
        (DCM, "128175", ("musculoskeletal",)),
        (DCM, "128179", ("thoracic",)),
        (NUCC, "2085R0202X", ()),
        (NUCC, "2085R0001X", ()),
        (NUCC, "2085R0203X", ()),
        (NUCC, "2085N0904X", ()),
        (DCM, "128010", ()),
        (DCM, "128014", ()),
        ("urn:other", "128011", ()),
    ],
)
def test_what_proves_a_subspecialty(routing: Routing, system: str, code: str, ids: tuple[str, ...]) -> None:
    """DICOM reader specialties and departments prove, and NUCC codes that really are one; general codes never do."""
    assert routing.specialties((Coding(system, code),)) == ids


def test_codes_are_as_the_code_systems_word_them(routing: Routing, value_sets: ValueSets) -> None:
    """Every code and display of the table stands in the value set radiology-subspecialty."""
    for id in routing.ids:
        subspecialty = routing.subspecialty(id)
        for coding in (*subspecialty.performer, *subspecialty.proves):
            member = value_sets.find("radiology-subspecialty", (coding,))
            assert member is not None
            assert member.display == coding.display
        assert [coding.system for coding in subspecialty.performer] == [DCM, NUCC]


def test_nearest_codes_are_the_source_tables(routing: Routing, value_sets: ValueSets) -> None:
    """The second code of a performer is the nearest one of the value set, which is a trait of the first."""
    for id in routing.ids - {"breast"}:
        first, second = routing.subspecialty(id).performer
        member = value_sets.find("radiology-subspecialty", (first,))
        assert member is not None
        assert second.code in value_sets.trait(member)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("  chest: thoracic\n", "  chest: thorax\n", "unknown-subspecialty"),
        ("    prostate: abdominal\n", "    prostate: [abdominal]\n", "unknown-subspecialty"),
        ("unknown_region: oncologic", "unknown_region: somewhere", "unknown-subspecialty"),
        ("    proves: [dicom 128015, dicom 128179]", "    proves: [nucc 2085R0202X]", "proves-nothing"),
        ("    proves: [dicom 128013]", "    proves: [dicom 999999]", "unknown-name"),
        ("    label: musculoskeletal", "    label: ''", "bad-label"),
        ("    label: musculoskeletal", "    label: far too long a label for a card", "bad-label"),
        ("    label: musculoskeletal", "    name: musculoskeletal", "unknown-key"),
        ("  nucc 2085P0229X: ", "  npi 2085P0229X: ", "bad-code"),
        ("  spine: [musculoskeletal]", "  spine: [osteology]", "unknown-subspecialty"),
        ("by_region:", "by_regions:", "unknown-key"),
        ("  brain: neuroradiology\n", "  spine: neuroradiology\n", "duplicate-key"),
        ("never_proves: [", "never_proves: {", "not-yaml"),
    ],
)
def test_a_mistake_is_named_by_its_line(root: Path, tmp_path: Path, old: str, new: str, code: str) -> None:
    """A mistake in the table is a ContentError at its line, with what would have been right."""
    text = (root / "cards/routing.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "routing.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ContentError) as caught:
        load_routing(path)
    line = text[: text.index(old)].count("\n") + 1
    found = [problem for problem in caught.value.problems if problem.code == code]
    assert found, caught.value
    assert any(abs(problem.line - line) <= 1 for problem in found), (line, found)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    """A table that leaves out a part says which."""
    path = tmp_path / "routing.yaml"
    path.write_text(json.dumps({"systems": {}, "codes": {}}))
    with pytest.raises(ContentError, match="'by_group' is missing"):
        load_routing(path)
