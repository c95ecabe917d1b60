"""Commands that look at studies and act on them."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mome_core.visits import Visit
from node.cli.common import open_ledger, uid_of
from node.cli.options import Config, Json, StudyName
from node.cli.tables import print_protocol, print_summary
from node.earlier import visits_of_study
from node.hosts import archive_uuid
from node.settings import Settings, load_settings
from node.storage.archive import Archive
from node.storage.hosts import Hosts, StudyHosts
from node.storage.ledger.conflicts import Resolution
from node.storage.ledger.ledger import Ledger
from node.storage.records import StudyDetail
from node.words import JOB_KIND_WORDS, JOB_STATE_WORDS, STATE_WORDS, local_time, party_words
from sr_templates.dicom.visit_words import visit_rows

_ONE_HOST = StudyHosts()


def show(study: StudyName, config: Config = None, as_json: Json = False) -> None:
    """Everything about one study: timeline, scores, objects, deliveries and their receipts.

    Example: mome-node studies show 812
    """
    ledger = open_ledger(config)
    detail = ledger.reading.study(uid_of(ledger, study))
    visits, hosts = _visits_of(ledger, detail, load_settings(config)), Hosts(ledger.engine).of_study(detail.study.id)
    if as_json:
        summary = detail.summary.to_json() if detail.summary else {}
        shown = {"summary": summary, "visits": [each.to_json() for each in visits]}
        shown |= {"hosts": hosts.words(time.time()), "waits": hosts.why_it_waits(detail.study, time.time())}
        typer.echo(json.dumps(asdict(detail) | shown))
    else:
        print_study(detail, Console(), visits, hosts)


def _visits_of(ledger: Ledger, detail: StudyDetail, settings: Settings) -> tuple[Visit, ...]:
    """Earlier results of the patient beside this one; empty where the settings want none, or there are none."""
    uid, archive = detail.study.study_instance_uid, Archive(settings.storage.root)
    first = next(ledger.reading.instances(uid, archive_uuid(settings)), None)
    if detail.summary is None or first is None or not settings.results.priors:
        return ()
    return visits_of_study(ledger, archive, uid, archive.root / first[2], detail.summary)


def print_study(
    detail: StudyDetail, console: Console, visits: Sequence[Visit] = (), hosts: StudyHosts = _ONE_HOST
) -> None:
    """The study for a person at a terminal."""
    study = detail.study
    called = f", sent to {escape(study.called_ae_title)}" if study.called_ae_title else ""
    console.print(f"[bold]Study {study.id}: {STATE_WORDS[study.state]}[/], revision {study.revision}{called}")
    console.print(study.study_instance_uid, soft_wrap=True, highlight=False)
    if study.reason:
        console.print(f"[yellow]{escape(study.reason)}[/]")
    if waits := hosts.why_it_waits(study, time.time()):
        console.print(f"[yellow]{escape(waits)}[/]", soft_wrap=True)
    for line in hosts.words(time.time()):
        console.print(f"on {escape(line)}", soft_wrap=True, highlight=False)
    if study.conflict:
        console.print(f"Decide whose study it is: mome-node studies resolve {study.id}")
    console.print(_timeline_table(detail))
    if detail.summary:
        print_protocol(detail.summary.protocol, console)
        print_summary(detail.summary, console)
    if visits:
        head, *rows = visit_rows(visits)
        table = Table(*head, box=None, header_style="bold", title="results of this patient", title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    _print_objects(detail, console)
    console.print(_jobs_table(detail))


def _timeline_table(detail: StudyDetail) -> Table:
    table = Table("when", "what", "detail", box=None, header_style="bold")
    for each in detail.timeline:
        state = STATE_WORDS[each.to_state] if each.to_state else ""
        table.add_row(local_time(each.at), state, escape(each.detail))
    return table


def _print_objects(detail: StudyDetail, console: Console) -> None:
    """One line each: a UID fits in 80 columns behind the kind, and is never broken."""
    for each in detail.objects:
        console.print(f"{each.kind:<14}{each.sop_instance_uid}  {each.path}", soft_wrap=True, highlight=False)


def _jobs_table(detail: StudyDetail) -> Table:
    table = Table("job", "destination", "state", "attempts", "objects kept", "reason", box=None, header_style="bold")
    for job in detail.jobs:
        kept = sum(receipt.kept for receipt in job.receipts)
        answered = f"{kept} of {len(job.receipts)}" if job.receipts else ""
        words = (JOB_KIND_WORDS[job.kind], escape(job.destination), JOB_STATE_WORDS[job.state])
        table.add_row(*words, str(job.attempts), answered, escape(job.reason))
    return table


def reprocess(study: StudyName, config: Config = None) -> None:
    """Analyse a study anew, as its next revision.

    Example: mome-node studies reprocess 812
    """
    ledger = open_ledger(config)
    ledger.operator.requeue(uid_of(ledger, study), time.time())
    typer.echo(f"queued; watch it with: mome-node studies show {study}")


def redeliver(study: StudyName, config: Config = None) -> None:
    """Send the result objects of a study again, the same instances.

    Example: mome-node studies redeliver 812
    """
    ledger = open_ledger(config)
    uid = uid_of(ledger, study)
    names = load_settings(config).receivers_of(ledger.reading.study(uid).study.called_ae_title)
    ledger.operator.redeliver(uid, names, time.time())
    typer.echo(f"queued for {', '.join(names)}; watch it with: mome-node studies show {study}")


_Keep = Annotated[
    str | None,
    typer.Option("--keep", metavar="PARTY", help="The study is this party: its number, AE title or an instance's UID."),
]
_Discard = Annotated[bool, typer.Option("--discard", help="The study stays as it is; what was set aside stays apart.")]
_Split = Annotated[bool, typer.Option("--split", help="What was set aside becomes a study for each patient.")]


def resolve(
    study: StudyName,
    keep: _Keep = None,
    discard: _Discard = False,
    split: _Split = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Decide whose study it is, or which version of an instance is true; without an option, list the parties.

    Nothing is deleted: what is not kept stays apart on disk, and the study is analysed. The study's page names the
    patients. Results that went out under the wrong name must be withdrawn before another party is kept:
    mome-node retract 812 --reason wrong-patient

    Example: mome-node studies resolve 812 --keep 1
    """
    ledger = open_ledger(config)
    uid = uid_of(ledger, study)
    chosen = [Resolution.KEEP] * (keep is not None) + [Resolution.DISCARD] * discard + [Resolution.SPLIT] * split
    if len(chosen) > 1:
        raise typer.BadParameter("give one of --keep, --discard and --split")
    if chosen:
        ledger.conflicts.resolve(uid, chosen[0], keep or "", getpass.getuser(), time.time())
        typer.echo(f"decided; watch it with: mome-node studies show {study}")
        return
    parties = ledger.conflicts.parties(uid)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in parties]))
    for each in () if as_json else parties:
        typer.echo(f"{each.number}  {party_words(each)}")
    if not parties and not as_json:
        typer.echo("nothing of this study waits for a decision")


def force(study: StudyName, config: Config = None) -> None:
    """Declare a study complete now, without waiting for the settle time.

    Example: mome-node studies force 812
    """
    ledger = open_ledger(config)
    ledger.operator.force(uid_of(ledger, study), time.time())
    typer.echo(f"declared complete; watch it with: mome-node studies show {study}")
