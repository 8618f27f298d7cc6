"""The content that an installation's settings name: the same for the service and for who checks it beside it."""

from pathlib import Path

from cds_service.config import Settings
from cds_service.content import Content, content_folder, load_content

SHIPPED = Path("shipped")  # in SECOND_READ_CONTENT_DIR: the content of the package


def load_settings_content(settings: Settings) -> Content:
    """The content that the settings name; raises `ContentError` with every problem in it."""
    layers = [content_folder() if layer == SHIPPED else layer for layer in settings.content_dir]
    pages = f"{settings.public_urls[0]}/rules/{{rule}}" if settings.public_urls and settings.publish else None
    return load_content(
        layers or None,
        settings.rules_mode,
        site_file=settings.site_file,
        local_codes=settings.local_codes_dir or None,
        snomed=settings.snomed,
        rule_pages=pages,
    )
