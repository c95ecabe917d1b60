"""What commands print for people: tables, and the summary of an analysis."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mome_core.measurements import Measurements
from mome_core.protocol import PartState, ProtocolItem
from node.summary import AnalysisSummary, ScoreSummary
from node.summary_words import score_call, score_points, score_proof, score_sum
from node.words import PART_STATE_WORDS, PART_WORDS, protocol_words
from sr_templates.dicom.measurement_words import measurement_rows, not_measured_words
from sr_templates.dicom.score_words import explanation_words
from sr_templates.dicom.text import percent
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, words_of

_MEASURED_TITLE = words_of(Language.ENGLISH)(Phrase.MEASURED_TITLE)
_STYLES = {
    PartState.COMPLETE: "green",
    PartState.INCOMPLETE: "bold yellow",
    PartState.MISSING: "bold red",
    PartState.UNKNOWN: "yellow",
}


def print_rows(titles: list[str], rows: list[list[str]]) -> None:
    """A table; header text of strangers is printed as it is, never read as markup."""
    table = Table(*titles, title="research use only")
    for row in rows:
        table.add_row(*(Text("".join(c if c.isprintable() else "?" for c in cell)) for cell in row))
    Console().print(table)


def print_protocol(protocol: tuple[ProtocolItem, ...], console: Console) -> None:
    """What the protocol needs, one line each."""
    for item in protocol:
        state = f"[{_STYLES[item.state]}]{PART_STATE_WORDS[item.state]:<11}[/]"
        console.print(f"{PART_WORDS[item.part]:<22}{state} {escape(protocol_words(item))}")


def print_summary(summary: AnalysisSummary, console: Console) -> None:
    """The summary that the ledger keeps, for a person at a terminal."""
    if summary.reason:
        console.print(f"[bold yellow]not analysed:[/] {escape(summary.reason)}")
    if summary.series:
        table = Table("role", "sure", "why", box=None, header_style="bold", title="series", title_justify="left")
        for each in summary.series:
            table.add_row(each.role, f"{each.confidence:.0%}", escape(each.why))
        console.print(table)
    for score in summary.scores:
        for line in _score_lines(score):
            console.print(line)
        _print_contributions(score, console)
        if map_ := next((each for each in summary.saliency if each.endpoint is score.endpoint), None):
            console.print(f"map: {explanation_words(map_)}")
    for flag in summary.flags:
        console.print(f"[yellow]{flag.severity}[/] {flag.code}: {escape(flag.message)}")
    if summary.measurements is not None:
        _print_measurements(summary.measurements, console)
    if summary.timings_s:
        times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in summary.timings_s.items())
        console.print(f"\ntime: {times}")


def _print_measurements(measurements: Measurements, console: Console) -> None:
    """The numbers that no network had a part in."""
    table = Table("measurement", "value", box=None, header_style="bold", title=_MEASURED_TITLE, title_justify="left")
    for name, value in measurement_rows(measurements):
        table.add_row(name, value)
    console.print(table)
    for words in not_measured_words(measurements):
        console.print(words)


def _print_contributions(score: ScoreSummary, console: Console) -> None:
    """The contributions as a table, and what they add up from and to."""
    if not score.contributions:
        return
    table = Table("modality", "contribution", "", box=None, header_style="bold")
    for modality, points in score_points(score).items():
        table.add_row(modality, f"{points:+.1f} points", ("+" if points >= 0 else "-") * round(0.4 * abs(points)))
    console.print(table)
    if words := score_sum(score):
        console.print(words)


def _score_lines(score: ScoreSummary) -> Iterator[str]:
    """One endpoint's probability, call, and what both are worth."""
    withheld = score.withheld_reason
    if score.probability is None:
        yield f"\n[bold]{score.endpoint.words}[/]: [bold yellow]score withheld[/]"
    else:
        words = score_call(score)
        yield f"\n[bold]{score.endpoint.words}[/]: probability [bold]{percent(score.probability)}[/], {words}"
    if withheld is not None:
        yield f"[yellow]{withheld.code}[/]: {escape(withheld.words)}"
    if score.probability is None:
        return
    yield from score_proof(score)
