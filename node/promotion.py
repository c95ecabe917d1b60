"""Which model answers: lock the cases that judge, promote by proof, roll back, let a candidate answer beside.

Every decision is one row that is never overwritten: who took it (`by`), when (`now`, seconds since 1970, UTC), and what
it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mome_core.model.bundle_files import read_manifest
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.results import Endpoint, ModelIdentity
from mome_core.training.bundle import LICENCES
from mome_core.training.cohort import GROUPS
from mome_core.training.gate import AcceptanceCheck, GateRules, LockedCases, examine, require_comparable, unseen_check
from node.cases import CACHE, CohortProgress, prepare_cases
from node.errors import NotReady
from node.locked_cases import LockedSet, digest_of
from node.model_trust import require_trusted
from node.models import (
    Registry,
    bundle_in_use,
    find_bundle,
    manifest_of,
    open_decisions,
    registry_of,
    require_other_endpoints,
    require_whole_studies,
)
from node.settings import Settings
from node.storage.decisions import Act, Decision, ModelDecisions, lock_of, promoted, shadow_of

# --- promotion and the way back


@dataclass(frozen=True, slots=True)
class PromotionReport:
    """A candidate, the model that it would replace, and every check.

    Parameters
    ----------
    locked
        Digest of the cases that judged.
    attempt
        How many candidates the cases have measured, this one included; 0 when it was refused before it was measured.
    promoted
        Whether the candidate answers from now on.
    """

    candidate: ModelIdentity
    active: ModelIdentity
    locked: str
    attempt: int
    checks: tuple[AcceptanceCheck, ...]
    promoted: bool

    @property
    def failed(self) -> tuple[AcceptanceCheck, ...]:
        """The checks that the candidate did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def to_json(self) -> dict[str, object]:
        """Plain values: for scripts, and as the evidence of the decision."""
        return {
            "candidate": asdict(self.candidate),
            "active": asdict(self.active),
            "locked": self.locked,
            "attempt": self.attempt,
            "checks": [check.to_json() for check in self.checks],
            "passed": not self.failed,
            "promoted": self.promoted,
        }


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """What is examined, and how.

    Parameters
    ----------
    bundle
        Folder, name of a shipped model, or the beginning of a digest.
    dry_run
        Examine only; it counts as an attempt as any other.
    vouch
        Whether the person states that a bundle which does not say what it was trained on knows no locked patient.
    cache
        Folder of prepared cases, kept from run to run.
    workers
        Processes that prepare cases.
    """

    bundle: str
    dry_run: bool = False
    vouch: bool = False
    cache: Path = CACHE
    workers: int = 1


def promote(
    settings: Settings, plan: PromotionPlan, progress: CohortProgress, *, by: str, now: float
) -> PromotionReport:
    """Examine a candidate on the locked cases; unless this is a dry run, it answers if it passes every check.

    Every examination is recorded, dry runs too, before it measures anything.

    Raises NotReady when it is the active model already, when nobody whom this site trusts vouches for it, when no cases
    are locked, and when they were changed since; SettingsError when it answers what one of `model.further` answers, or
    is a model of single breasts.
    """
    decisions = open_decisions(settings)
    registry = registry_of(settings, decisions)
    bundle, in_use = registry.find(plan.bundle), bundle_in_use(settings, decisions)
    candidate, active = load_checkpoint(bundle), load_checkpoint(in_use)
    require_whole_studies(candidate.identity.name, candidate.recipe.unit)
    require_trusted(bundle, _digest(candidate), settings.model)
    _require_another(candidate, active)
    _require_other_endpoints(settings, candidate.identity.name, candidate.endpoints)
    locked = _require_locked(decisions.decisions())
    cases = _locked_cases(locked, candidate, active, plan, progress)
    rules = GateRules(settings.promotion.margin, settings.promotion.subgroup_margin, settings.promotion.fewest)
    require_comparable(candidate, active, cases, rules)
    checks = [unseen_check(candidate, cases, vouched_by=by if plan.vouch else "")]
    attempt = 0
    if checks[0].passed:  # what has seen the cases is not measured on them
        attempt = decisions.begin_examination(_digest(candidate), locked.digest, by, now)
        checks += examine(candidate, active, cases, rules, attempt)
    passes = all(check.passed for check in checks) and not plan.dry_run
    report = PromotionReport(candidate.identity, active.identity, locked.digest, attempt, tuple(checks), passes)
    decisions.decide(Act.EXAMINED, _digest(candidate), by, report.to_json() | {"dry_run": plan.dry_run}, now)
    if report.promoted:
        before = registry.add(in_use)
        decisions.decide(Act.PROMOTED, registry.add(bundle), by, report.to_json() | {"before": before}, now)
    return report


def _digest(model: Checkpoint) -> str:
    """SHA-256 of its manifest, as the registry names it."""
    return str(model.manifest["manifest_sha256"])


def _require_another(candidate: Checkpoint, active: Checkpoint) -> None:
    if candidate.identity == active.identity:
        raise NotReady(f"{active.identity.name} {active.identity.version} is the active model; there is nothing to do")


def _require_other_endpoints(settings: Settings, name: str, endpoints: Iterable[Endpoint]) -> None:
    """Raise SettingsError for a model that could not answer together with those of `model.further`."""
    beside = (manifest_of(find_bundle(each)) for each in settings.model.further)
    require_other_endpoints([(name, endpoints), *((each.name, each.endpoints) for each in beside)])


def _require_locked(decisions: Sequence[Decision]) -> LockedSet:
    lock = lock_of(decisions)
    if lock is None:
        raise NotReady(
            "no cases are locked to judge a candidate by; first: mome-node model lock COHORT.csv --split test"
        )
    return LockedSet.of(lock)


def _locked_cases(
    locked: LockedSet, candidate: Checkpoint, active: Checkpoint, plan: PromotionPlan, progress: CohortProgress
) -> LockedCases:
    """The locked cases, prepared for both models; raises NotReady when they were changed."""
    rows = locked.rows()
    if digest_of(rows) != locked.digest:
        raise NotReady(
            f"labels or images of {locked.manifest} were changed after they were locked; "
            "put them back, or lock them again (which is audited)"
        )
    new = prepare_cases(rows, candidate.recipe, plan.cache, plan.workers, progress).examples
    old = prepare_cases(rows, active.recipe, plan.cache, plan.workers, progress).examples
    by_name = {row.name: row for row in rows}
    groups = {column: tuple(by_name[each.name].group(column) for each in new) for column in GROUPS}
    return LockedCases(locked.endpoint, new, old, groups)


@dataclass(frozen=True, slots=True)
class _ActiveModel:
    """The model that answers now.

    Parameters
    ----------
    active
        Its name.
    sha256
        Digest of its weights, hexadecimal.
    """

    active: str
    version: str
    sha256: str


def roll_back(settings: Settings, *, by: str, now: float) -> _ActiveModel:
    """Let the model before the active one answer again.

    Raises NotReady when nothing was promoted, or nobody whom this site trusts vouches for that model.
    """
    decisions = open_decisions(settings)
    registry = registry_of(settings, decisions)
    stack = promoted(decisions.decisions())
    if len(stack) < 2:
        raise NotReady("nothing was promoted, so there is no model to go back to; see: mome-node model list")
    bundle = registry.bundle(stack[-2])
    manifest = manifest_of(bundle)
    require_trusted(bundle, manifest.digest, settings.model)
    _require_other_endpoints(settings, manifest.name, manifest.endpoints)
    decisions.decide(Act.ROLLED_BACK, stack[-2], by, {"from": stack[-1]}, now)
    return _ActiveModel(manifest.name, manifest.version, manifest.weights_sha256)


def data_licences(settings: Settings, bundle: str) -> tuple[str, ...]:
    """Licences of the data that a bundle was trained on, as it says itself; empty where it says none."""
    manifest = read_manifest(Registry(settings.storage.root).find(bundle))
    return tuple(map(str, manifest["provenance"].get(LICENCES, ())))


# --- a candidate beside the active model


def begin_shadow(settings: Settings, bundle: str, *, by: str, now: float) -> str:
    """Let a candidate answer beside the active model, instead of the shadow that is on; returns its digest.

    Raises NotReady when nobody whom this site trusts vouches for it.
    """
    decisions = open_decisions(settings)
    registry = registry_of(settings, decisions)
    found = registry.find(bundle)
    manifest = manifest_of(found)
    require_whole_studies(manifest.name, manifest.unit)
    require_trusted(found, manifest.digest, settings.model)
    digest = registry.add(found)
    end_shadow(settings, by=by, now=now)
    decisions.decide(Act.SHADOWED, digest, by, {}, now)
    return digest


def end_shadow(settings: Settings, *, by: str, now: float) -> bool:
    """End the shadow that is on; whether there was one."""
    decisions = open_decisions(settings)
    running = shadow_of(decisions.decisions())
    if running is not None:
        decisions.decide(Act.UNSHADOWED, running.digest, by, {}, now)
    return running is not None


# --- what there is


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A bundle of this node.

    Parameters
    ----------
    role
        `active`, `earlier` (below the active one), `shadow`, or `kept`.
    digest
        SHA-256 of its manifest, hexadecimal.
    sha256
        SHA-256 of its weights, hexadecimal.
    started_from
        SHA-256 of the weights that its training began with; empty where it does not say.
    """

    role: str
    digest: str
    name: str
    version: str
    sha256: str
    started_from: str
    statement: str


def kept_models(settings: Settings, decisions: ModelDecisions) -> list[KeptModel]:
    """Every bundle that this node keeps, and the one that answers."""
    taken, registry = decisions.decisions(), registry_of(settings, decisions)
    in_use, shadow = bundle_in_use(settings, decisions), shadow_of(taken)
    roles = dict.fromkeys(registry.digests(), "kept") | dict.fromkeys(promoted(taken), "earlier")
    roles |= ({shadow.digest: "shadow"} if shadow else {}) | {manifest_of(in_use).digest: "active"}
    bundles = (
        (role, digest, in_use if role == "active" else registry.bundle(digest)) for digest, role in roles.items()
    )
    return [_kept_model(role, digest, bundle) for role, digest, bundle in bundles]


def _kept_model(role: str, digest: str, bundle: Path) -> KeptModel:
    manifest = manifest_of(bundle)
    return KeptModel(
        role=role,
        digest=digest,
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.weights_sha256,
        started_from=manifest.started_from,
        statement=manifest.statement,
    )
