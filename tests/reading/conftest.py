"""The shipped lexicon, loaded once for all tests of this room."""

from pathlib import Path

import pytest

from cds_service.reading import Lexicon, load_lexicon

LEXICON_FOLDER = Path(__file__).parents[2] / "cards" / "lexicon"


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    """The lexicon as it ships."""
    return load_lexicon(LEXICON_FOLDER)
