"""The content that an installation's settings name: the same for the service and for who checks it beside it."""

from collections.abc import Sequence
from pathlib import Path

from cds_service.config import Settings
from cds_service.content import Content, content_folder, load_content
from cds_service.expansion import below_by_settings

SHIPPED = Path("shipped")  # in SECOND_READ_CONTENT_DIR: the content of the package


def layers_named(folders: Sequence[Path]) -> tuple[Path, ...]:
    """These folders, with that of the package for the word `shipped`, or where none is named."""
    return tuple(content_folder() if folder == SHIPPED else folder for folder in folders) or (content_folder(),)


def content_layers(settings: Settings) -> tuple[Path, ...]:
    """The folders of content that the settings name, the base first; those of the package where they name none."""
    return layers_named(settings.content_dir)


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
