"""A report in another language is a gap; a short English one is not."""

import pytest

from cds_service.model import ReportPart
from cds_service.reading import Lexicon, read

FOREIGN = [
    "Keine Metastasen.",
    "Raumforderung im rechten Oberlappen.",
    "MRT der LWS: Hochgradige Spinalkanalstenose L4/5. Keine Fraktur. Kein Tumor.",
    "Pas de lésion suspecte.",
    "Absence de fracture.",
    "Masse hépatique de 3 cm suspecte de métastase.",
    "Sin evidencia de metástasis.",
    "Conclusión: Estenosis severa del canal lumbar L4-L5.",
    "Geen aanwijzingen voor metastasen.",
    "Nessuna lesione focale.",
    "Massa di 3 cm nel lobo superiore destro, sospetta per carcinoma.",
    "Sem evidência de metástases.",
    "Brak zmian ogniskowych w wątrobie.",
]
ENGLISH = [
    "Normal.",
    "No fracture.",
    "Unremarkable.",
    "Mass.",
    "Stenosis L4-L5.",
    "NO ACUTE INTRACRANIAL HEMORRHAGE.",
    "Carcinoma in situ, status post excision.",
    "Situs inversus totalis.",
    "Cul de sac fluid.",
    "De novo carcinoma.",
    "Schmörl node at L2.",
    "SEVERE CANAL STENOSIS L4-5, FORAMINA PATENT.",
    "BI-RADS 4.",
    "IMPRESSION:\n1. Cardiomegaly.\n2. Edema.",
]


def gaps_of(text: str, lexicon: Lexicon) -> list[str]:
    """Why this text was not read."""
    return [gap.why for gap in read((ReportPart("presentedForm", text),), lexicon).gaps]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_short_text_in_another_language_is_a_gap(text: str, lexicon: Lexicon) -> None:
    """Not English: named as such, and nothing found."""
    reading = read((ReportPart("presentedForm", text),), lexicon)
    assert [gap.why for gap in reading.gaps] == ["language-unsupported"]
    assert reading.findings == ()


@pytest.mark.parametrize("text", ENGLISH)
def test_a_short_english_text_is_read(text: str, lexicon: Lexicon) -> None:
    """Short, in capitals, or with Latin in it: still English."""
    assert "language-unsupported" not in gaps_of(text, lexicon)
