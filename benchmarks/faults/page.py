"""The page about a run: what was done, how often, and what was lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles

from benchmarks.faults.faults import FAULTS, Affected, Happened
from benchmarks.faults.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Run:
    """A run, as the page tells it; `command` repeats it."""

    command: str
    day: str
    commit: str
    hosts: int
    minutes: float
    has_namespaces: bool
    happened: Sequence[Happened]
    verdict: Verdict


def page(run: Run) -> str:
    """The page as Markdown."""
    return "\n".join([*_head(run), *_what_happened(run), *_what_is_left(run), *_how_long(run), *_limits(run)]) + "\n"


def _head(run: Run) -> Iterator[str]:
    deaths = [each for each in run.happened if each.fault.is_death]
    yield "# Killing hosts"
    yield ""
    yield "Research use only. Written by the program that did it. To repeat it, as root, after `make debian`:"
    yield ""
    yield f"```sh\n{run.command}\n```"
    yield ""
    network = (
        "each with an address and a host name of its own (network and UTS namespaces)"
        if run.has_namespaces
        else "all on loopback (no namespaces here: no host was cut off)"
    )
    yield (
        f"{run.day}, commit {run.commit}: {run.hosts} hosts as real `mome-node serve` processes, {network}, each with "
        "its own storage root, on one PostgreSQL 15; Orthanc as PACS; DCMTK's storescu as scanners that repeat what "
        "was not acknowledged, first there, then at the next host; half of the studies are in the PACS before a host "
        "gets them, half only after. The analysis is a stub of 2 s that writes a report. "
        f"{run.minutes:.0f} minutes on {os.cpu_count()} shared cores, {len(deaths)} deaths of a host."
    )
    yield ""


def _what_happened(run: Run) -> Iterator[str]:
    yield "## What was done"
    yield ""
    yield "| fault | how | times |"
    yield "| --- | --- | --- |"
    for fault in FAULTS:
        times = sum(each.fault.name == fault.name for each in run.happened)
        yield f"| {fault.name} | {fault.words} | {times or 'not run'} |"
    yield ""


def _what_is_left(run: Run) -> Iterator[str]:
    verdict, lost = run.verdict, run.verdict.lost
    yield "## What was lost"
    yield ""
    yield (
        f"{verdict.studies} studies with {verdict.images} acknowledged images; an association failed or ended early "
        f"{verdict.refusals} times, and its scanner repeated. Compared at the end, image by image and report by report:"
    )
    yield ""
    yield "| | count |"
    yield "| --- | --- |"
    yield f"| acknowledged images that are neither on a host, with their digest, nor in the PACS | {len(lost)} |"
    yield f"| studies without a result and without a word why | {len(verdict.unanswered)} |"
    yield f"| studies that failed, and say so | {len(verdict.failed)} |"
    yield f"| studies that wait, and say for what | {len(verdict.waiting)} |"
    yield f"| studies with two live results | {len(verdict.twice)} |"
    yield f"| studies whose live result stands on fewer images than were acknowledged | {len(verdict.halves)} |"
    yield f"| reports that a later revision supersedes | {verdict.superseded} |"
    yield f"| acknowledged images whose only copy is in the PACS | {verdict.only_in_pacs} |"
    yield ""
    for each in (*verdict.failed, *verdict.waiting, *verdict.unanswered):
        yield f"- study {each}"
    yield ""


def _how_long(run: Run) -> Iterator[str]:
    affected = [each for happened in run.happened for each in happened.affected]
    complete = [each for each in affected if each.was_complete]
    yield "## How long a study was without a host"
    yield ""
    yield (
        "Seconds from the death to the claim by another host and to the end of delivery, with the 2 s of analysis; of "
        "studies that only the dead host had."
    )
    yield ""
    yield "| | studies | p50 | p95 | longest | not before the host was back |"
    yield "| --- | --- | --- | --- | --- | --- |"
    yield _row("death to claim, studies that were complete", complete, [each.claimed_after for each in complete])
    yield _row("death to result, studies that were complete", complete, [each.answered_after for each in complete])
    words = "death to result, those too that were arriving or had results to send"
    yield _row(words, affected, [each.answered_after for each in affected])
    yield ""


def _row(words: str, studies: Sequence[Affected], seconds: Iterable[float | None]) -> str:
    known = sorted(each for each in seconds if each is not None)
    shown = f"{_percentile(known, 50)} | {_percentile(known, 95)} | {known[-1]:.0f}" if known else "- | - | -"
    return f"| {words} | {len(studies)} | {shown} | {len(studies) - len(known)} |"


def _percentile(known: Sequence[float], percent: int) -> str:
    if len(known) < 2:
        return f"{known[0]:.0f}"
    return f"{quantiles(known, n=100, method='inclusive')[percent - 1]:.0f}"


def _limits(run: Run) -> Iterator[str]:
    yield "## What this does not show"
    yield ""
    yield "- The hosts are processes of one machine: no switch, cable or power supply failed. PostgreSQL has one"
    yield "  server: no switch of a primary; its own files were not cut off from power (`fsync=off`, as in all tests)."
    yield "- Delay and loss in the network (tc netem) were not simulated: links are up or down."
    yield "- scale.md asks for 200 deaths; the number above is what was run. The analysis is a stub, not the model."
