"""Every command of `mome-node`: its module, its function, and its summary, so that `--help` imports none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, slots=True)
class CommandInfo:
    """Where a command is ("module:function"), and what its help says first."""

    target: str
    summary: str

    def load(self) -> Callable[..., None]:
        """Import the command's module, and only that; return its function."""
        module, function = self.target.split(":")
        found: Callable[..., None] = getattr(import_module(module), function)
        return found


# "command" or "group command", in the order of `--help`. A test holds each summary equal to the docstring's first line.
COMMANDS: dict[str, CommandInfo] = {
    "demo": CommandInfo(
        "node.cli.demo:demo",
        "One synthetic breast MRI study from a scanner through the node into a PACS, over real DICOM sockets.",
    ),
    "serve": CommandInfo("node.cli.serve:serve", "Run the node: receive, analyse, deliver, until Ctrl-C or SIGTERM."),
    "setup": CommandInfo(
        "node.cli.setup:setup",
        "Ask what this node needs to know, try each answer, write the settings file, print what the PACS must know.",
    ),
    "check": CommandInfo(
        "node.cli.check:check",
        "Self-test: settings, disk, database, model and its seconds per study, PACS echo; exit code 5 when one fails.",
    ),
    "doctor": CommandInfo(
        "node.cli.doctor:doctor",
        "Examine AE title, port, disk, clock, GPU and every PACS, and say what to do; exit code 5 when one fails.",
    ),
    "infer": CommandInfo(
        "node.cli.infer:infer",
        "Analyse one study from a folder: DICOM in, result objects out, no network; of NIfTI, maps as NIfTI and JSON.",
    ),
    "assemble": CommandInfo(
        "node.cli.assemble:assemble",
        "Turn one study into volumes and say why: DCE, T2 and DWI as NIfTI with case.json, or every series by itself.",
    ),
    "roles": CommandInfo(
        "node.cli.assemble:roles",
        "Say which role each series name suggests, or which series of listed studies are DCE, T2 and DWI.",
    ),
    "phantom": CommandInfo(
        "node.cli.phantom:phantom",
        "Write a synthetic breast MRI study as a vendor's scanner would, and the truth about it beside the folder.",
    ),
    "config init": CommandInfo(
        "node.cli.config:init", "Write a commented settings file with every key and its default."
    ),
    "config check": CommandInfo(
        "node.cli.config:check", "Read the settings and name every mistake; exit code 3 when there is one."
    ),
    "config show": CommandInfo(
        "node.cli.config:show",
        "Print the settings in force, file, environment and defaults together, without passwords.",
    ),
    "top": CommandInfo(
        "node.cli.worklist:top", "Processes, queues, alerts and the newest studies on one screen, until Ctrl-C."
    ),
    "studies list": CommandInfo(
        "node.cli.worklist:list_studies",
        "The worklist: every study, its state, its score, and what happens next or why nothing does; no patient.",
    ),
    "studies find": CommandInfo(
        "node.cli.worklist:find",
        "Find studies by accession number, patient ID, name, date, scanner, number, UID or part of it; it is audited.",
    ),
    "studies show": CommandInfo(
        "node.cli.studies:show", "Everything about one study: timeline, scores, objects, deliveries and their receipts."
    ),
    "studies explain": CommandInfo(
        "node.cli.explain:explain",
        "Say which role each series of a stored study plays and what its protocol lacks, analysed or not.",
    ),
    "studies fetch": CommandInfo(
        "node.cli.transfer:fetch",
        "Have a PACS send a study, or what is missing of it, to this node (C-MOVE); the node must be serving.",
    ),
    "studies force": CommandInfo(
        "node.cli.studies:force", "Declare a study complete now, without waiting for the settle time."
    ),
    "studies reprocess": CommandInfo("node.cli.studies:reprocess", "Analyse a study anew, as its next revision."),
    "studies redeliver": CommandInfo(
        "node.cli.studies:redeliver", "Send the result objects of a study again, the same instances."
    ),
    "studies purge": CommandInfo(
        "node.cli.maintenance:purge",
        "Delete one study from this node for good, whatever its state: images, results, rows; it is audited.",
    ),
    "studies resolve": CommandInfo(
        "node.cli.studies:resolve",
        "Decide whose study it is, or which version of an instance is true; without an option, list the parties.",
    ),
    "queue list": CommandInfo(
        "node.cli.queue:list_queue",
        "What is held back, and every open or failed job in the order in which they are claimed.",
    ),
    "queue pause": CommandInfo(
        "node.cli.queue:pause",
        "Begin no analysis and no delivery on this node until `queue resume`, also after a restart; reception goes on.",
    ),
    "queue resume": CommandInfo(
        "node.cli.queue:resume", "Let this node work again after `queue pause` or `queue drain`."
    ),
    "queue drain": CommandInfo(
        "node.cli.queue:drain",
        "As `queue pause`, and reject associations for now, until the node is stopped or `queue resume`.",
    ),
    "queue hold": CommandInfo(
        "node.cli.queue:hold",
        "Send nothing to a destination until `queue release`; its results wait, other destinations get theirs.",
    ),
    "queue release": CommandInfo("node.cli.queue:release", "Send to a destination again after `queue hold`."),
    "queue priority": CommandInfo(
        "node.cli.queue:priority",
        "Set how urgent a study is: STAT overtakes all that wait, LOW lets all others pass.",
    ),
    "queue cancel": CommandInfo(
        "node.cli.queue:cancel", "End what waits, runs or has failed for a study: its analysis, or its deliveries."
    ),
    "instances list": CommandInfo(
        "node.cli.worklist:list_instances", "Every instance that is safely stored; with --json one object on each line."
    ),
    "cohort init": CommandInfo(
        "node.cli.cohort:init",
        "Begin a manifest: a row for each study, patients as pseudonyms, vendor and field strength from the headers.",
    ),
    "cohort add": CommandInfo(
        "node.cli.cohort:add",
        "Join labels from a table (pathology) or from readers' verdicts, or add studies of this node's archive.",
    ),
    "cohort show": CommandInfo(
        "node.cli.cohort:show",
        "Cases, patients, and classes of every endpoint and split; nothing but the manifest is read.",
    ),
    "cohort check": CommandInfo(
        "node.cli.cohort:check",
        "Read every study and say what would go wrong before any hour is spent; exit code 1 for what forbids training.",
    ),
    "cohort sides": CommandInfo(
        "node.cli.cohort:sides",
        "From a manifest of studies one of breasts: a row for each breast that has a label of its own.",
    ),
    "cohort run": CommandInfo(
        "node.cli.cohort_run:run",
        "Answer every study of a manifest: a Parquet table of scores, calls and measurements, and a page.",
    ),
    "cohort export": CommandInfo(
        "node.cli.cohort:export",
        "Copy a cohort without its patients: the MR images de-identified (PS3.15), and a manifest of pseudonyms.",
    ),
    "public list": CommandInfo(
        "node.cli.public:list_collections",
        "Public breast MRI: patients, sequences, licence and size of each collection, counted from an index.",
    ),
    "public get": CommandInfo(
        "node.cli.public:get",
        "Get the images of a public collection: licence and size are said first, and it asks; killed, it goes on.",
    ),
    "public cohort": CommandInfo(
        "node.cli.public:cohort",
        "Write a cohort of a public collection: its studies below DIR with the labels of its own tables.",
    ),
    "public reproduce": CommandInfo(
        "node.cli.public:reproduce",
        "A public task from images to page: get, cohorts, check, nested training, external test; killed, it goes on.",
    ),
    "train": CommandInfo(
        "node.cli.train:train",
        "Train a model on a cohort of studies (DICOM or NIfTI), starting from a bundle; killed, it continues.",
    ),
    "evaluate": CommandInfo(
        "node.cli.evaluate:evaluate",
        "Measure models on labelled studies: every figure with its 95 % interval by a bootstrap over patients.",
    ),
    "retract": CommandInfo(
        "node.cli.results:retract",
        "Withdraw the results of a study: a rejection note goes to all who got them (IHE IOCM).",
    ),
    "reproduce": CommandInfo(
        "node.cli.results:reproduce",
        "Find the inputs of a report, analyse them again, and compare every number; exit code 1 when one differs.",
    ),
    "feedback list": CommandInfo(
        "node.cli.feedback:list_feedback",
        "Readers' verdicts, and the documents that others sent about studies this node answered.",
    ),
    "feedback export": CommandInfo(
        "node.cli.feedback:export_feedback",
        "Write the feedback as CSV, with provenance and the labels that verdicts give; without comments.",
    ),
    "model list": CommandInfo(
        "node.cli.promotion:list_models",
        "The active model, those below it, the shadow, and every decision with its date and author.",
    ),
    "model lock": CommandInfo(
        "node.cli.promotion:lock",
        "Lock the cases that candidates are judged by: labels and images must not change, or are locked anew.",
    ),
    "model promote": CommandInfo(
        "node.cli.promotion:promote",
        "Let a candidate answer if it passes every check on the locked cases; a running node needs no restart.",
    ),
    "model rollback": CommandInfo(
        "node.cli.promotion:rollback",
        "Let the model before the active one answer again; a running node needs no restart.",
    ),
    "model shadow": CommandInfo(
        "node.cli.promotion:shadow",
        "Let a candidate answer beside the active model on live studies; nothing of it is delivered. See: model report",
    ),
    "model report": CommandInfo(
        "node.cli.promotion:report",
        "How the models do: drift and readers' verdicts for each scanner, and how far the shadow agrees.",
    ),
    "model recalibrate": CommandInfo(
        "node.cli.recalibrate:recalibrate",
        "Calibrate a model on a site's own labelled studies: its prevalence, its scanners; the weights stay.",
    ),
    "model import": CommandInfo(
        "node.cli.model:import_",
        "Turn published weights into a bundle: a training checkpoint of the MOME authors, or BEiT-3.",
    ),
    "model show": CommandInfo(
        "node.cli.model:show",
        "Show what a bundle says of itself: identity, calibrations, architecture, recipe, provenance.",
    ),
    "model verify": CommandInfo(
        "node.cli.model:verify",
        "Read a whole bundle: its digests, architecture, every tensor and its signature; a damaged one is refused.",
    ),
    "model key": CommandInfo(
        "node.cli.model:key",
        "Make a key pair to sign bundles with, and print the public key for model.trusted_keys.",
    ),
    "model sign": CommandInfo(
        "node.cli.model:sign",
        "Vouch for a bundle as it is now: nodes that trust the key let it answer.",
    ),
    "model run": CommandInfo(
        "node.cli.model:run",
        "Print logits and probabilities of arrays that are padded already: (channels, axis 0, axis 1, slices).",
    ),
    "backup": CommandInfo(
        "node.cli.maintenance:backup",
        "Copy ledger, instances and results into a folder while the node runs; later runs add only what is new.",
    ),
    "restore": CommandInfo(
        "node.cli.maintenance:restore",
        "Fill an empty storage root from a backup, on this host or another; every instance is verified.",
    ),
    "recover": CommandInfo(
        "node.cli.maintenance:recover",
        "Rebuild the ledger from the files, after it was damaged or lost; stop the node first.",
    ),
    "audit verify": CommandInfo(
        "node.cli.audit:verify",
        "Check that no entry of the audit trail was changed, removed, added or swapped; exit code 1 if one was.",
    ),
    "audit list": CommandInfo(
        "node.cli.audit:list_entries", "Print the audit trail, oldest first; with --json one object on each line."
    ),
    "audit export": CommandInfo(
        "node.cli.audit:export",
        "Print the audit trail as messages of PS3.15 A.5 (XML), one on each line and without a patient.",
    ),
    "conformance": CommandInfo(
        "node.cli.conformance:conformance", "Print the DICOM conformance statement of this version, in Markdown."
    ),
    "access invite": CommandInfo(
        "node.cli.access:invite",
        "Make a one-time token by which a person chooses a password on the dashboard's welcome page; the way back in.",
    ),
    "access key": CommandInfo(
        "node.cli.access:key",
        "Make an API key for a program; it is shown only now, and replaces an older one of that name.",
    ),
    "access list": CommandInfo(
        "node.cli.access:list_accounts",
        "Every account with its role, how it signs in, and its sessions and keys: since, until and used when.",
    ),
    "access logout": CommandInfo("node.cli.access:log_out", "End every session of a person; the account stays."),
    "access remove": CommandInfo("node.cli.access:remove", "Delete an account with its password, sessions and keys."),
    "peers list": CommandInfo(
        "node.cli.peers:list_peers", "Destinations with their last echo, and the connections that were rejected last."
    ),
    "peers allow": CommandInfo(
        "node.cli.peers:allow", "Let a caller send to this node: edits the settings file; reload the node afterwards."
    ),
    "ingest": CommandInfo("node.cli.transfer:ingest", "Take every DICOM file of a folder as if it had been received."),
    "send": CommandInfo("node.cli.transfer:send", "C-STORE every DICOM file of a folder to a destination."),
    "echo": CommandInfo(
        "node.cli.transfer:echo",
        "Call whom the settings name, each by its own protocol; exit code 4 without an answer, and what to change.",
    ),
}
GROUPS: dict[str, str] = {
    "config": "The settings file: write, check, show.",
    "studies": "Studies: list, find, show, explain, fetch, force, reprocess, redeliver.",
    "queue": "The queue: list, pause, resume, drain, hold, release, priority, cancel.",
    "instances": "Instances that are safely stored.",
    "audit": "The audit trail: verify, list, export.",
    "access": "Who may use dashboard and API: invite, key, list, remove.",
    "peers": "Who we talk to: list, and allow a caller that was rejected.",
    "cohort": "Studies to train and measure on: begin a list, join labels, check it, hand it on.",
    "public": "Public breast MRI: list collections, get images, join labels, reproduce a task.",
    "feedback": "What readers say of our results: list, export for training.",
    "model": "Models: which one answers, promote, roll back, shadow, report, recalibrate; import, show, verify.",
}
