"""The requests that are measured: 20 kB and 300 kB of prefetch, a relevant order and an irrelevant one.

A body is a template: `ID` stands wherever an identifier of this call stands, so that each request can be of a patient
nobody asked about before, and `TEXT` stands in the base64 of the report, so that each report can be one nobody read
before. `load.lua` fills both.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "real"))

from parts.charts import CT_ABDOMEN, LOINC, Chart, bundle, concept, days_ago, fusion_chart, imaging_order

ID = "000000000000"
TEXT = base64.b64encode(
    b"999999999999"
).decode()  # twelve digits make sixteen characters when they start a group of three
SIZES = {
    "20 kB": (1, 1, 6, 62),
    "300 kB": (16, 16, 45, 98),
}  # studies, reports, conditions, instances of a filler study

LUMBAR_REPORT = """\
EXAMINATION: MRI OF THE LUMBAR SPINE WITHOUT CONTRAST

CLINICAL INDICATION: Chronic low back pain with bilateral leg pain on walking, worse over the last year. Conservative
treatment for six months including physiotherapy and two epidural injections without lasting benefit.

COMPARISON: Radiographs of the lumbar spine from last year.

TECHNIQUE: Sagittal T1 weighted, sagittal T2 weighted, sagittal STIR and axial T2 weighted images were obtained through
the disc spaces from L1 to S1 without intravenous contrast. Series number 999999999999 was repeated for motion.

FINDINGS:
Alignment: There is normal lumbar lordosis. No spondylolisthesis. No scoliosis is appreciated on the supine images.
Vertebral bodies: Heights are preserved. No compression fracture. Marrow signal is mildly heterogeneous without a focal
suspicious lesion. Minor degenerative endplate changes at L4-L5.
Spinal cord: The conus medullaris ends at L1 and is normal in signal and caliber. The cauda equina nerve roots are
mildly crowded at L4-L5 and otherwise unremarkable.
T12-L1: No disc herniation. No central canal stenosis. No foraminal narrowing.
L1-L2: Disc height and signal are preserved. No disc herniation. No central canal stenosis. No foraminal narrowing.
L2-L3: Mild disc desiccation with a minimal diffuse bulge. No central canal stenosis. Neural foramina are patent.
L3-L4: Mild diffuse disc bulge and mild facet arthropathy. Mild central canal stenosis. Mild bilateral foraminal
narrowing without nerve root compression.
L4-L5: Diffuse disc bulge with a small superimposed central protrusion, moderate facet arthropathy and thickening of the
ligamentum flavum. These changes combine to produce moderate central canal stenosis. There is moderate narrowing of both
lateral recesses with contact of the traversing L5 nerve roots, without definite displacement. Moderate left and mild
right foraminal narrowing.
L5-S1: Disc height loss with a shallow broad based bulge. No central canal stenosis. Mild bilateral foraminal narrowing.
Paraspinal soft tissues: Mild fatty atrophy of the multifidus muscles. The visible retroperitoneum is unremarkable. A
simple cyst of the right kidney measures 14 mm. The abdominal aorta is of normal caliber.
Sacroiliac joints: The visible parts show mild degenerative change. No effusion. No bone marrow edema.

IMPRESSION:
1. Moderate central canal stenosis at L4-L5 from disc bulge, facet arthropathy and ligamentum flavum thickening.
2. Mild central canal stenosis at L3-L4.
3. Moderate left foraminal narrowing at L4-L5. No acute fracture. No cauda equina compression.

RECOMMENDATION: Clinical correlation with the level and side of symptoms is suggested. Follow up imaging only as
clinically needed, or earlier if new deficits appear.
"""


def _encoded(report: str) -> str:
    start = report.index("999999999999")
    padded = report[:start] + " " * (-len(report[:start].encode()) % 3) + report[start:]
    data = base64.b64encode(padded.encode()).decode()
    assert data.count(TEXT) == 1
    return data


def _filler(chart: Chart, number: int, instances: int) -> dict[str, Any]:
    """An older CT of the chest, with every instance listed."""
    series = {
        "uid": f"2.25.{number}00001",
        "number": 1,
        "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"},
        "instance": [
            {
                "uid": f"2.25.{number}0000100{each}",
                "number": each,
                "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.2"},
            }
            for each in range(instances)
        ],
    }
    study = chart.of("ImagingStudy")[0]
    return study | {
        "id": f"{study['id']}-{number}",
        "procedureCode": [concept((LOINC, "24627-2", "CT Chest"))],
        "description": "CT chest",
        "started": days_ago(100 + number),
        "modality": [series["modality"]],
        "series": [series],
    }


def body(size: str, relevant: bool) -> bytes:
    """One order-sign call of that size, as a template."""
    studies, reports, conditions, instances = SIZES[size]
    chart = fusion_chart(LUMBAR_REPORT)
    data = _encoded(LUMBAR_REPORT)
    prefetch = chart.prefetch()
    study, report, condition = (chart.of(kind)[0] for kind in ("ImagingStudy", "DiagnosticReport", "Condition"))
    report["presentedForm"][0]["data"] = data
    # The newest is the lumbar MRI; the others are full reports of other regions, which nobody needs to read.
    others = [_filler(chart, number, instances) for number in range(1, studies + 1)]
    older = [
        report
        | {
            "id": f"{report['id']}-{number}",
            "code": concept((LOINC, "24627-2", "CT Chest")),
            "effectiveDateTime": days_ago(100 + number),
            "issued": days_ago(100 + number),
            "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}-{number}"}],
            "conclusion": "No acute finding in the chest.",
            "presentedForm": [
                {"contentType": "text/plain", "data": base64.b64encode(f"{number} {LUMBAR_REPORT}".encode()).decode()}
            ],
        }
        for number in range(1, reports)
    ]
    prefetch["imagingStudies"] = bundle([study, *others[: studies if studies == 1 else studies - 1]])
    prefetch["diagnosticReports"] = bundle([report, *older])
    prefetch["conditions"] = bundle(
        [
            condition
            | {"id": f"{condition['id']}-{number}", "code": concept(("urn:local", f"p{number}", "Low back pain"))}
            for number in range(conditions)
        ]
        + [condition]
    )
    order = chart.order if relevant else imaging_order(chart) | {"id": chart.order["id"], "code": concept(CT_ABDOMEN)}
    tag = chart.patient_id[1:]
    made = json.dumps(chart.request(prefetch, orders=[order])).replace(tag, ID)
    assert TEXT in made
    return made.encode()


if __name__ == "__main__":
    for name in SIZES:
        print(name, len(body(name, True)), len(body(name, False)), len(LUMBAR_REPORT.split()), "words")
