"""The content that an installation's settings name: the same for the service and for who checks it beside it."""

from pathlib import Path

from cds_service.config import Settings
from cds_service.content import Content, content_folder, load_content
from cds_service.expansion import below_by_settings

SHIPPED = Path("shipped")  # in SECOND_READ_CONTENT_DIR: the content of the package


def content_layers(settings: Settings) -> tuple[Path, ...]:
    """The folders of content that the settings name, the base first; those of the package where they name none."""
    named = tuple(content_folder() if layer == SHIPPED else layer for layer in settings.content_dir)
    return named or (content_folder(),)


def load_settings_content(settings: Settings) -> Content:
    """The content that the settings name; raises `ContentError` with every problem in it."""
    pages = f"{settings.public_urls[0]}/rules/{{rule}}" if settings.public_urls and settings.publish else None
    return load_content(
        content_layers(settings),
        settings.rules_mode,
        site_file=settings.site_file,
        local_codes=settings.local_codes_dir or None,
        snomed=settings.snomed,
        rule_pages=pages,
        what_is_below=below_by_settings(settings),
    )
