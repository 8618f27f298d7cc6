"""Section codes of radiology reports, and the heading each stands for.

Codes: DICOM CID 7001 (Diagnostic Imaging Report Headings), the sections of the HL7 Europe imaging report Composition,
and the US Core radiology note examples (18782-3, 19005-8). LOINC, http://loinc.org.
"""

HEADINGS: dict[str, str] = {
    "59776-5": "FINDINGS",
    "18782-3": "FINDINGS",
    "19005-8": "IMPRESSION",
    "55110-1": "CONCLUSION",
    "18783-1": "RECOMMENDATION",
    "18834-2": "COMPARISON",
    "11329-0": "HISTORY",
    "55752-0": "CLINICAL INFORMATION",
    "18785-6": "INDICATION",
    "55115-0": "INDICATION",
    "55111-9": "TECHNIQUE",
    "55107-7": "ADDENDUM",
    "73568-8": "COMMUNICATION",
}
