"""Silence where silence is right: ordinary patients, ordinary orders, and not one card.

The planted cases at the end prove that the silence is earned: the same people, the same orders, and one report that
should make the service speak.
"""

import base64
from collections.abc import Callable
from itertools import cycle

import pytest
from parts.charts import LOINC, SNOMED, fusion_chart
from parts.cohort import AS_OF, Person, Resource, drug, operation

Sign = Callable[[Person, Resource], list[Resource]]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
JOINTS = (
    (SNOMED, "19063003", "Arthroplasty of knee (procedure)"),
    (SNOMED, "280460009", "Revision of hip arthroplasty (procedure)"),
    (SNOMED, "398010007", "Prosthetic arthroplasty of hip (procedure)"),
    (SNOMED, "785850002", "Reverse prosthetic total arthroplasty of shoulder (procedure)"),
    (SNOMED, "61774002", "Repair of rotator cuff by suture (procedure)"),
    (SNOMED, "84877006", "Arthroscopy of knee with meniscus repair (procedure)"),
    (SNOMED, "239431009", "Reconstruction of anterior cruciate ligament of knee joint (procedure)"),
)
OFTEN_BENIGN = (  # operations that are done for cancer too
    (SNOMED, "116140006", "Total hysterectomy (procedure)"),
    (SNOMED, "84604002", "Sigmoid colectomy (procedure)"),
    (SNOMED, "175905003", "Total nephrectomy (procedure)"),
    (SNOMED, "173171007", "Lobectomy of lung (procedure)"),
    (SNOMED, "175912007", "Nephroureterectomy with open lower ureterectomy (procedure)"),
)
DUAL_USE = (  # anticancer drugs with other uses
    (RXNORM, "6851", "methotrexate"),
    (RXNORM, "121191", "rituximab"),
    (RXNORM, "3002", "cyclophosphamide"),
    (RXNORM, "253337", "bevacizumab"),
    (RXNORM, "10324", "tamoxifen"),
)
IMAGING = (
    (LOINC, "79103-8", "CT Abdomen W contrast IV"),
    (LOINC, "24968-0", "MR Lumbar spine"),
    (LOINC, "24627-2", "CT Chest"),
    (LOINC, "30799-1", "CT Head WO contrast"),
)


@pytest.fixture(scope="module")
def imaged(cohort: list[Person]) -> list[Person]:
    """The same people; who has no study on file borrows the studies and reports of one who has."""
    donors = cycle([person for person in cohort if len(person.imaging) > 1])
    lent: list[Person] = []
    for person in cohort:
        if person.imaging:
            lent.append(person)
            continue
        donor = next(donors)
        studies = {f"ImagingStudy/{study['id']}" for study in donor.imaging}
        reports = [
            report
            for report in donor.record["DiagnosticReport"]
            if {each["reference"] for each in report.get("imagingStudy", [])} & studies
        ]
        lent.append(person.given([*donor.imaging, *reports]))
    return lent


def test_the_cohort_is_worth_asking(cohort: list[Person], imaged: list[Person]) -> None:
    """Some eighty people with hundreds of reports, some with cancer, and each with imaging: silence means something."""
    assert len(cohort) >= 60
    assert sum(person.has_cancer for person in cohort) >= 3
    assert sum(len(person.record["DiagnosticReport"]) for person in imaged) >= 300
    assert all(person.imaging for person in imaged)


@pytest.mark.parametrize("borrowed", [False, True], ids=["as generated", "each with imaging"])
@pytest.mark.parametrize("orders", [JOINTS, IMAGING], ids=["joint surgery", "imaging"])
def test_no_card_for_anyone(
    orders: tuple[tuple[str, str, str], ...], borrowed: bool, cohort: list[Person], imaged: list[Person], sign: Sign
) -> None:
    """Joint surgery and imaging are signed for everyone, with cancer or without; any card fails."""
    drafts = cycle(orders)
    spoken = {}
    for person in imaged if borrowed else cohort:
        code = next(drafts)
        for card in sign(person, operation(code)):
            spoken[person.id, code[2]] = card["summary"]
    assert spoken == {}


@pytest.mark.parametrize("borrowed", [False, True], ids=["as generated", "each with imaging"])
def test_no_card_for_an_operation_that_is_often_benign(
    borrowed: bool, cohort: list[Person], imaged: list[Person], sign: Sign
) -> None:
    """A hysterectomy, a colectomy, a nephrectomy, a lobectomy for someone without cancer or a suspicious report."""
    drafts = cycle(OFTEN_BENIGN)
    spoken = {}
    for person in imaged if borrowed else cohort:
        if not person.has_cancer:
            code = next(drafts)
            for card in sign(person, operation(code)):
                spoken[person.id, code[2]] = card["summary"]
    assert spoken == {}


@pytest.mark.parametrize("borrowed", [False, True], ids=["as generated", "each with imaging"])
def test_no_card_for_a_dual_use_drug_without_cancer(
    borrowed: bool, cohort: list[Person], imaged: list[Person], sign: Sign
) -> None:
    """Methotrexate and its like for someone who has no cancer."""
    drafts = cycle(DUAL_USE)
    spoken = {}
    for person in imaged if borrowed else cohort:
        if not person.has_cancer:
            code = next(drafts)
            for card in sign(person, drug(code)):
                spoken[person.id, code[2]] = card["summary"]
    assert spoken == {}


def test_a_planted_spine_case_speaks(cohort: list[Person], sign: Sign) -> None:
    """A moderate stenosis on MRI and a fusion, planted into every record: everyone without cancer gets a card."""
    silent = []
    for person in cohort:
        chart = fusion_chart(now=AS_OF)
        planted = person.given([*chart.of("ImagingStudy"), *chart.of("DiagnosticReport"), *chart.of("Condition")])
        if len(sign(planted, chart.order)) != 1 and not person.has_cancer:
            silent.append(person.id)
    assert silent == []


def test_a_planted_lesion_speaks(imaged: list[Person], sign: Sign) -> None:
    """The nephrectomy that was met with silence is met with a card once a CT calls the mass indeterminate."""
    impression = "Indeterminate 28 mm enhancing mass of the left kidney. Renal cell carcinoma cannot be excluded."
    cards = 0
    for person in [person for person in imaged if not person.has_cancer][:10]:
        chart = fusion_chart(f"FINDINGS: Left kidney: 28 mm enhancing mass.\n\nIMPRESSION: {impression}\n", AS_OF)
        code = {"coding": [{"system": LOINC, "code": "79103-8", "display": "CT Abdomen W contrast IV"}]}
        study = chart.of("ImagingStudy")[0] | {
            "procedureCode": [code],
            "description": "CT abdomen with contrast",
            "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
        }
        report = chart.of("DiagnosticReport")[0] | {"code": code}
        assert impression in base64.b64decode(report["presentedForm"][0]["data"]).decode()
        cards += len(
            sign(person.given([study, report]), operation((SNOMED, "175905003", "Total nephrectomy (procedure)")))
        )
    assert cards == 10


def test_a_planted_stage_speaks(cohort: list[Person], sign: Sign) -> None:
    """The dual-use drug that was met with silence is met with a card where there is a breast cancer to stage."""
    breast = [
        person
        for person in cohort
        if any(
            coding["code"].startswith("C50") for each in person.record["Condition"] for coding in each["code"]["coding"]
        )
    ]
    assert breast
    text = "No pulmonary metastasis. Indeterminate 9 mm lesion of the liver, metastasis cannot be excluded."
    for person in breast:
        chart = fusion_chart(f"FINDINGS: Liver: 9 mm hypodense lesion.\n\nIMPRESSION: {text}\n", AS_OF)
        code = {"coding": [{"system": LOINC, "code": "79103-8", "display": "CT Abdomen W contrast IV"}]}
        study = chart.of("ImagingStudy")[0] | {
            "procedureCode": [code],
            "description": "CT abdomen with contrast",
            "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
        }
        report = chart.of("DiagnosticReport")[0] | {"code": code}
        assert len(sign(person.given([study, report]), drug((RXNORM, "3002", "cyclophosphamide")))) == 1
