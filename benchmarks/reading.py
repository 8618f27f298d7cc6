"""How long reading takes: reports of 400 words, and 64 kB of decoded text of every kind; is it linear, is it bounded?

`python benchmarks/reading.py` prints milliseconds at one quarter, one half and the whole of 64 kB (CPU time, one core,
nothing kept between runs) and the growth of memory. PDF is measured apart: its time is PDFium's.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from documents import REPORT, as_cda, as_html, as_pdf, as_rtf, wrapped

from cds_service.content import content_folder
from cds_service.model import ReportPart
from cds_service.reading import load_lexicon, read, report
from cds_service.reading.said import _said_of
from cds_service.reading.sentence import named

WHOLE = 64 * 1024


def repeated(report_text: str) -> Callable[[int], str]:
    """That text again and again, every time with other numbers, up to a length."""
    return lambda size: "\n".join(
        report_text.replace("12 mm", f"{n % 90 + 10} mm") for n in range(size // len(report_text) + 1)
    )[:size]


KINDS: dict[str, Callable[[int], str | bytes]] = {
    "reports": repeated(REPORT),
    "reports, wrapped": lambda size: wrapped(repeated(REPORT)(size)),
    "reports, html": lambda size: as_html(repeated(REPORT)(size)),
    "reports, rtf": lambda size: as_rtf(repeated(REPORT)(size)),
    "one sentence": lambda size: "mass and " * (size // 9),
    "mass no evidence of": lambda size: "mass no evidence of " * (size // 20),
    "full stops": lambda size: "." * size,
    "digits": lambda size: "1" * size,
    "line ends": lambda size: "a\n" * (size // 2),
    "BI-RADS :": lambda size: "BI-RADS" + " :" * (size // 2),
    "headings": lambda size: "IMPRESSION: " * (size // 12),
    "html tags": lambda size: "<html>" + "<p" * (size // 2),
    "html comments": lambda size: "<html>" + "<!--" * (size // 4),
    "html entities": lambda size: "<p>" + "&#1;&amp;" * (size // 9),
    "rtf groups": lambda size: "{\\rtf1 " + "{\\b a}" * (size // 6),
    "mojibake": lambda size: "â€™Ã©" * (size // 5),
    "hl7 escapes": lambda size: "\\.br\\\\X0D\\" * (size // 10),
    "levels": lambda size: "L4-L5 " * (size // 6),
    "sizes": lambda size: "3 x 2 x 4 cm " * (size // 13),
}


def once(content: str | bytes) -> float:
    """Milliseconds of CPU for one reading with nothing kept."""
    for cache in (named, _said_of):
        cache.cache_clear()
    report._kept.clear()
    before = time.process_time()
    read((ReportPart("presentedForm", content),), LEXICON)
    return (time.process_time() - before) * 1000


LEXICON = load_lexicon(content_folder() / "cards" / "lexicon")


def main() -> None:
    """Print the tables."""
    console = Console(highlight=False)
    short = sorted(once(REPORT * 3) for _ in range(200))
    console.print(f"400-word report: p50 {short[100]:.2f} ms, p99 {short[197]:.2f} ms")
    for name, content in (("html", as_html()), ("rtf", as_rtf()), ("cda", as_cda()), ("pdf", as_pdf())):
        took = sorted(once(content) for _ in range(30))
        console.print(f"150-word {name}: p50 {took[15]:.2f} ms, worst of 30 {took[-1]:.2f} ms")
    table = Table(box=None, header_style="bold dim", pad_edge=False)
    for name in ("64 kB of", "16 kB ms", "32 kB ms", "64 kB ms"):
        table.add_column(name, justify="left" if name.endswith("of") else "right")
    for name, make in KINDS.items():
        took = [min(once(make(size)) for _ in range(5)) for size in (WHOLE // 4, WHOLE // 2, WHOLE)]
        table.add_row(name, *(f"{ms:.1f}" for ms in took))
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    console.print(f"largest memory of the process: {peak} MB")


if __name__ == "__main__":
    main()
