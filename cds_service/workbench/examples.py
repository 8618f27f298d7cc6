"""Examples of every field and every kind of criterion, as docs/rule-file.md shows them; a test compiles each."""

FIELDS: dict[str, str] = {
    "id": "id: spine-fusion",
    "title": "title: Spinal fusion or disc replacement that rests on an MR or CT of the spine",
    "version": "version: 1.2.0",
    "status": "status: silent",
    "service": "service: second-read",
    "catalogue": "catalogue: R01",
    "concern": "concern: spine",
    "rank": "rank: 10",
    "irreversible": "irreversible: true",
    "owner": "owner: {team: spine-cds, clinical: unassigned, technical: clinical-informatics}",
    "signed": "signed: not clinically approved",
    "reviewed": "reviewed: 2026-11-21",
    "review_by": "review_by: 2027-11-21",
    "rationale": "rationale: >-\n  Fusion cannot be undone, and readers grade spinal stenosis differently.",
    "attributes": "attributes:\n  developer: Second Read project\n  funding: none stated\n  race: not used",
    "evidence": "evidence: [S04, L10]",
    "known_false_positives": "known_false_positives:\n  - Fusion for instability seen on flexion views alone.",
    "parameters": "parameters:\n  study_max_age: {value: 365, unit: d, why: Degenerative disease changes over months.}",
    "window": "window: $study_max_age",
    "criteria": "criteria:\n  - id: fusion-ordered\n    says: A spinal fusion is being signed.\n"
                "    order: {in: {spine-surgery: [fusion]}, status: [draft, active]}",
    "exclusions": "exclusions:\n  - id: other-spine-disease\n    says: A deformity of the spine is recorded.\n"
                  "    condition: {in: {spine-disorders: [deformity]}, reasons: true}\n    if_unknown: proceed\n"
                  "    early: true",
    "except_global": "except_global:\n  - {id: x9-lead-time, why: The card offers a study and no second read.}",
    "warns_when": "warns_when:\n  - id: not-severe\n    says: The report calls the stenosis less than severe.\n"
                  "    disagreement: {about: [spinal-stenosis]}",
    "disagrees_when": "disagrees_when:\n  - id: not-severe\n    says: The report calls the stenosis less than severe.\n"
                      "    disagreement: {about: [spinal-stenosis]}",
    "explained_by": "explained_by:\n  - id: instability\n    says: The report asserts instability.\n"
                    "    finding: {about: [spinal-instability], assertion: [present]}",
    "route": "route: {subspecialty: neuroradiology, turnaround: 24 h}",
    "card": "card:\n  summary: \"Before fusion, consider a second read of the {study} for stenosis severity\"\n"
            "  why: Fusion cannot be undone.\n  question: Is the stenosis severe at the planned level?\n"
            "  reason: the severity decides whether to fuse\n  override_reasons: [doneReread, noChange]",
    "tests": "tests:\n  - name: warns when the planned level is less than severe\n    base: lumbar-fusion\n"
             "    report: \"IMPRESSION: {severity} central canal stenosis at L4-5.\"\n"
             "    each: {severity: [Mild, Moderate]}\n    expect: {outcome: indicated, indicator: warning}",
    "promoted": "promoted:\n  - {to: silent, on: 2026-11-01, version: 0.2.0, decides: 1f0c6a9b2d34}",
    "silence": "silence:\n  - {lint: over-broad, why: Every such order is to be seen in the trial.}",
    "changes": "changes:\n  1.2.0: Severity is judged at the planned level.\n  1.0.0: First release.",
}  # fmt: skip

KIND_EXAMPLES: dict[str, str] = {
    "order": "order: {in: {spine-surgery: [fusion]}, status: [draft, active], priority: [routine]}",
    "encounter": "encounter: {class: [EMER]}",
    "study": "study: {modality: [MR, CT], region: same-as-order, segments: agree}",
    "report": "report: {status: [final, amended, corrected, appended]}",
    "reports": "reports: {kind: [pathology], same_region: true, after_study: true}",
    "finding": "finding: {about: [spondylolisthesis], assertion: [present], min_value: 2, at: planned}",
    "imaged": "imaged: {modality: [MR, CT], segments: agree, max_age: 365 d, none: true}",
    "disagreement": "disagreement: {about: [spinal-stenosis], explained_by: [disc-herniation]}",
    "lesion": "lesion: {call: [suspicious, indeterminate]}",
    "incidental": "incidental: {partly_imaged: true}",
    "conflict": "conflict: {with: [report, order]}",
    "condition": "condition: {in: {cancer-conditions: [malignant, secondary]}, suspected: false, reasons: true}",
    "procedure": "procedure: {in: {pathology-and-biopsy: [biopsy]}, same_region: true, after_study: true}",
    "on_file": "on_file: {words: [hospice, palliative care]}",
    "stage": "stage: {basis: [p]}",
    "reason": "reason: {words: [instabil, scoliosis]}",
    "second_read": "second_read: {state: done}",
    "acknowledged": "acknowledged: {session: 12 h, returned: 30 d}",
    "opted_out": "opted_out: {}",
    "reader": "reader: {unless_disagrees: true}",
    "window": "window: {}",
    "lead_time": "lead_time: {}",
    "repeat": "repeat: {within: 90 d, session: 12 h}",
    "history": "history: {session: 12 h, answered: 90 d, returned: 30 d}",
    "rule": "rule: {concern: [staging, lesion]}",
    "fhirpath": "fhirpath: {on: order, expression: \"note.text.contains('second opinion')\"}",
    "images": "images: {}",
}  # fmt: skip
