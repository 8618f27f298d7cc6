"""`python -m cds_service.config > docs/settings.md`: write the page of settings anew."""

import sys

from cds_service.config import settings_page

sys.stdout.write(settings_page())
