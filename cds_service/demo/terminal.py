"""The terminal view of the demo: each order with its card as a surgeon would see it, or its silence with the reason."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cds_service.demo.expected import reason
from cds_service.demo.run import Signed

WIDEST = 100
COLOURS = {"info": "blue", "warning": "yellow"}
NAMES = {"info": "Information", "warning": "Warning"}
TRIAGED = "Neither surgery nor cancer treatment with a rule: answered before any report was read."


class Screen:
    """What the demo writes, at most a hundred columns wide and at home in eighty."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.console.width = min(self.console.width, WIDEST)
        self.shown = 0

    def begin(self, base: str) -> None:
        """Say what is about to happen."""
        self.console.print()
        self.console.print(Text("Second Read", style="bold"), Text("signs the orders of synthetic charts", style="dim"))
        self.console.print(Text(f"The service listens at {base}. Every patient is invented.", style="dim"))

    def show(self, signed: Signed) -> Signed:
        """One chart: who, what is signed, and what came back. Hands the chart on."""
        self.shown += 1
        chart = signed.chart
        patient = chart["patient"]
        self.console.print()
        self.console.print(Rule(style="dim"))
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_column(ratio=1)
        head.add_column(justify="right", no_wrap=True)
        head.add_row(
            Text.assemble((patient["name"], "bold"), f", {patient['age']}", (f"  {chart['setting']}", "dim")),
            Text(f"{signed.millis:.1f} ms", style="dim"),
        )
        self.console.print(head)
        for order in chart["orders"]:
            start = f", planned {order['start'][:10]}" if order["start"] else ""
            self.console.print(
                Text.assemble(("signs ", "dim"), order["title"], (f" ({order['priority']}{start})", "dim"))
            )
        for card in signed.cards:
            self.console.print(Padding(_card(card), (1, 0, 0, 2)))
        if not signed.cards:
            self.console.print(Padding(_silence(signed), (1, 0, 0, 2)))
        for problem in signed.problems:
            self.console.print(Padding(Text.assemble(("differs ", "bold red"), problem), (1, 0, 0, 2)))
        return signed

    def end(self, signed: Sequence[Signed]) -> bool:
        """The summary; whether everything expected happened and nothing else."""
        spoken = [card for each in signed for card in each.cards]
        wrong = [each for each in signed if each.problems]
        self.console.print()
        self.console.print(Rule(style="dim"))
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", style="bold", no_wrap=True)
        table.add_column()
        table.add_row(str(len(signed)), "charts signed")
        for indicator in ("warning", "info"):
            number = sum(card["indicator"] == indicator for card in spoken)
            table.add_row(str(number), Text(f"cards: {NAMES[indicator].lower()}", style=COLOURS[indicator]))
        table.add_row(str(sum(not each.cards for each in signed)), "silent, each with its reason")
        if signed:
            table.add_row(f"{statistics.median(each.millis for each in signed):.1f}", "ms, the middle answer over HTTP")
        self.console.print(table)
        self.console.print()
        if not wrong:
            said = "Every expected card came, no other card came, each silence has its reason."
            self.console.print(Text(said, style="bold green"))
            return True
        said = f"{len(wrong)} of {len(signed)} charts differ from what they expect:"
        self.console.print(Text(said, style="bold red"))
        for each in wrong:
            self.console.print(Text.assemble((f"  {each.chart['id']}", "bold"), f": {'; '.join(each.problems)}"))
        return False

    def stay(self, address: str) -> None:
        """Where to look next, while the service keeps serving."""
        self.console.print()
        self.console.print(Text.assemble("Sign orders yourself in the demo EHR: ", (address, f"bold link {address}")))
        self.console.print(Text("Ctrl+C ends the service.", style="dim"))


def _card(card: Mapping[str, Any]) -> Panel:
    colour = COLOURS[card["indicator"]]
    parts: list[Text | Markdown] = [Text(card["summary"], style="bold"), Markdown(card.get("detail", "")), Text()]
    for suggestion in card.get("suggestions", []):
        parts.append(Text.assemble(("[ ", colour), (suggestion["label"], f"bold {colour}"), (" ]", colour)))
    reasons = [each["display"] for each in card.get("overrideReasons", [])]
    if reasons:
        parts.append(Text("or continue: " + " / ".join(reasons), style="dim"))
    sign = "!" if card["indicator"] == "warning" else "i"
    return Panel(
        Group(*parts),
        title=Text(f" {sign} {NAMES[card['indicator']]} ", style=f"bold {colour}"),
        title_align="left",
        subtitle=Text(f" {card['source']['label']} ", style="dim"),
        subtitle_align="right",
        border_style=colour,
        box=ROUNDED,
        padding=(1, 2),
    )


def _silence(signed: Signed) -> Text:
    lead = {"not-indicated": "Not met: ", "undetermined": "Not known: "}  # the sentence itself says what would hold
    said = dict.fromkeys(lead.get(each["outcome"], "") + each["says"] for each in signed.verdicts if each["says"])
    because = " ".join(said) if signed.verdicts else TRIAGED
    return Text.assemble(("silent", "bold green"), (f"  {reason(signed.verdicts)}", "green"), f"\n{because}")
