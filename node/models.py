"""Which model bundle answers: shipped ones, folders, and the registry of those that were promoted or are watched.

ROOT/models/DIGEST/    a whole bundle under the digest of its manifest; it never changes once it is there
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mome_core.calibration import Calibration
from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.model.estimators import CalibratedEstimator, estimators_of
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint
from node.errors import NotReady, SettingsError
from node.settings import Settings
from node.storage.archive import sync, write_durably
from node.storage.decisions import ModelDecisions, promoted
from node.storage.ledger.ledger import Ledger
from node.storage.shared_bundles import SharedBundles

_SHIPPED = Path(__file__).parent / "models_shipped"
CARD, SIGNATURE = "MODEL_CARD.md", "signature.json"
_SHORTEST_DIGEST = 6


def find_bundle(name: str) -> Path:
    """The bundle's folder, from a path or the name of a shipped model; raises NotReady with what there is."""
    for place in (Path(name), _SHIPPED / name):
        if (place / "manifest.json").is_file():
            return place
    shipped = ", ".join(sorted(each.name for each in _SHIPPED.iterdir())) if _SHIPPED.is_dir() else "none"
    raise NotReady(f"no model bundle at {name} (shipped models: {shipped}); see: mome-node model import --help")


class Registry:
    """The bundles that this node keeps, each under the digest of its manifest.

    Parameters
    ----------
    shared
        Where several hosts on a ledger leave bundles for each other; None for one host.
    """

    def __init__(self, root: Path, shared: SharedBundles | None = None) -> None:
        """The registry under this storage root."""
        self.folder, self.shared = root / "models", shared

    def digests(self) -> list[str]:
        """Every bundle that is kept whole."""
        return sorted(each.parent.name for each in self.folder.glob("*/manifest.json") if "." not in each.parent.name)

    def bundle(self, digest: str) -> Path:
        """The folder of a bundle that is kept; raises NotReady when it is not, or another one lies in its place.

        The digest that the ledger remembers is that of the manifest, which is checked with the weights at load. What
        another host has promoted is fetched.
        """
        manifest = self.folder / digest / "manifest.json"
        if self.shared is not None:
            self._exchange(self.shared, digest)
        if not manifest.is_file():
            raise NotReady(f"the bundle {digest[:12]} is not in {self.folder}: restore that folder from the backup")
        if _stated_digest(manifest) != digest:
            raise NotReady(f"another bundle lies in {manifest.parent}: restore that folder from the backup")
        return manifest.parent

    def _exchange(self, shared: SharedBundles, digest: str) -> None:
        """Have what the other hosts have, and the other way round."""
        if (self.folder / digest / "manifest.json").is_file():
            if not shared.has(digest):
                shared.keep(digest, self.folder / digest)
            return
        fetched = self.folder / f"{digest}.{os.getpid()}.fetched"
        shutil.rmtree(fetched, ignore_errors=True)  # of an attempt that was cut short
        try:
            if shared.fetch(digest, fetched):
                self._add_locally(fetched)
        except OSError:
            if digest not in self.digests():  # else another process of this node was faster
                raise
        finally:
            shutil.rmtree(fetched, ignore_errors=True)

    def find(self, name: str) -> Path:
        """A kept bundle by the beginning of its digest, else as `find_bundle`."""
        known = [digest for digest in self.digests() if len(name) >= _SHORTEST_DIGEST and digest.startswith(name)]
        return self.bundle(known[0]) if len(known) == 1 else find_bundle(name)

    def with_weights(self, sha256: str) -> Path | None:
        """A kept bundle with these weights."""
        kept = map(self.bundle, self.digests())
        return next((each for each in kept if manifest_of(each).weights_sha256 == sha256), None)

    def add(self, bundle: Path) -> str:
        """Keep a copy of a bundle, durable when this returns; returns its digest.

        Only the files of a bundle are copied. Raises CheckpointRefused for one that is damaged, holds no MOME, or has a
        link for a file: it could bring any file of this host into backups.
        """
        digest = self._add_locally(bundle)
        if self.shared is not None:
            self.shared.keep(digest, self.folder / digest)
        return digest

    def _add_locally(self, bundle: Path) -> str:
        from mome_core.model.bundle_files import FILES  # torch: seconds and 200 MB, spared to the web server
        from mome_core.model.checkpoint import load_checkpoint

        for name in (*FILES, SIGNATURE):
            if (bundle / name).is_symlink():
                raise CheckpointRefused(f"{bundle / name} is a link; a bundle holds its files itself")
        digest = str(load_checkpoint(bundle).manifest["manifest_sha256"])
        if digest in self.digests():
            self._keep_signature(bundle / SIGNATURE, self.folder / digest / SIGNATURE)
            return digest
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        building = self.folder / f"{digest}.{os.getpid()}.part"
        building.mkdir(mode=0o700)
        for name in (*FILES, SIGNATURE):
            if (bundle / name).is_file():
                shutil.copyfile(bundle / name, building / name)
        sync((*building.iterdir(), building))
        building.rename(self.folder / digest)
        sync((self.folder,))
        return digest

    @staticmethod
    def _keep_signature(signature: Path, kept: Path) -> None:
        """Keep the signature of a bundle that was kept before it was signed, or was signed by somebody else then."""
        if not signature.is_file() or (kept.exists() and kept.read_bytes() == signature.read_bytes()):
            return
        fresh = kept.with_name(f"{kept.name}.part")
        fresh.unlink(missing_ok=True)  # of an attempt that was cut short
        write_durably(fresh, kept, signature.read_bytes())
        sync((kept.parent,))


def shipped_digests() -> frozenset[str]:
    """Digests of the manifests that came with this program."""
    return frozenset(map(_stated_digest, _SHIPPED.glob("*/manifest.json")))


def _stated_digest(manifest: Path) -> str:
    """The digest that a manifest states of itself; empty when it states none."""
    try:
        return str(json.loads(manifest.read_bytes())["manifest_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def open_decisions(settings: Settings) -> ModelDecisions:
    """The decisions about models in the ledger that the settings name; it is brought up to date."""
    return ModelDecisions(Ledger(settings.database_url).engine)


def registry_of(settings: Settings, decisions: ModelDecisions) -> Registry:
    """The registry of this host, which shares its bundles with others where the ledger may have several."""
    return Registry(settings.storage.root, None if settings.is_sqlite else SharedBundles(decisions.engine))


def bundle_in_use(settings: Settings, decisions: ModelDecisions) -> Path:
    """The bundle that answers now: the one promoted last, or before any promotion the one in the settings."""
    stack = promoted(decisions.decisions())
    return registry_of(settings, decisions).bundle(stack[-1]) if stack else find_bundle(settings.model.path)


def bundles_in_use(settings: Settings, decisions: ModelDecisions, called_ae_title: str = "") -> tuple[Path, ...]:
    """The bundles that answer a study together: those of the AE title that it called, else the active one and further.

    Raises NotReady for one that is not there. What is promoted takes the place of `model.path` only.
    """
    entity = settings.entity_called(called_ae_title)
    if entity is not None and entity.models:
        return tuple(map(find_bundle, entity.models))
    return bundle_in_use(settings, decisions), *map(find_bundle, settings.model.further)


def all_bundles_in_use(settings: Settings, decisions: ModelDecisions) -> tuple[Path, ...]:
    """Every bundle that answers studies of any AE title, once, the active one first."""
    return tuple(dict.fromkeys(each for bundles in _bundles_by_ae_title(settings, decisions) for each in bundles))


def require_answering_together(settings: Settings, decisions: ModelDecisions) -> None:
    """Raise SettingsError where no study would be analysed: two bundles of one AE title answer the same endpoint, or
    one is of single breasts.
    """
    for bundles in _bundles_by_ae_title(settings, decisions):
        manifests = [manifest_of(each) for each in bundles]
        for each in manifests:
            require_whole_studies(each.name, each.unit)
        require_other_endpoints((each.name, each.endpoints) for each in manifests)


def _bundles_by_ae_title(settings: Settings, decisions: ModelDecisions) -> Iterator[tuple[Path, ...]]:
    """Those that answer together, for the whole node and for each AE title."""
    for title in ("", *(each.ae_title for each in settings.ae_titles)):
        yield bundles_in_use(settings, decisions, title)


def require_other_endpoints(bundles: Iterable[tuple[str, Iterable[Endpoint]]]) -> None:
    """Raise SettingsError when two of these bundles answer the same endpoint: a report has one score for each.

    Parameters
    ----------
    bundles
        Names, with the endpoints that each answers.
    """
    known: dict[Endpoint, str] = {}
    for name, endpoints in bundles:
        for endpoint in endpoints:
            if endpoint in known:
                raise SettingsError(
                    f"models: {known[endpoint]} and {name} both answer {endpoint}; bundles of one study answer "
                    "different ones"
                )
            known[endpoint] = name


def require_whole_studies(name: str, unit: UnitOfAnalysis) -> None:
    """Raise SettingsError for a bundle of single breasts: a node analyses, reports and delivers whole studies."""
    if unit is UnitOfAnalysis.BREAST:
        raise SettingsError(
            f"{name} was trained on single breasts, and a node analyses whole studies; such a bundle is for "
            "mome-node train and evaluate, with a manifest whose rows have a side (mome-node cohort sides)"
        )


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """What a bundle states of its model.

    Parameters
    ----------
    digest
        SHA-256 of the manifest itself, hexadecimal: the name of the bundle in the registry.
    weights_sha256
        Digest of the weights, hexadecimal.
    started_from
        Digest of the weights that training began with; empty where the bundle does not say.
    estimators
        Those that it was validated with, the default first, with the calibrations of every endpoint.
    content
        The whole manifest as it is written.
    """

    name: str
    version: str
    statement: str
    digest: str
    weights_sha256: str
    started_from: str
    estimators: tuple[CalibratedEstimator, ...]
    content: Mapping[str, Any]

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What it answers."""
        return tuple(self.estimators[0].endpoints)

    @property
    def unit(self) -> UnitOfAnalysis:
        """What a case was that it was trained on."""
        return UnitOfAnalysis(self.content["recipe"].get("unit", UnitOfAnalysis.PATIENT))

    def calibration(
        self, endpoint: Endpoint, modalities: Collection[Modality], estimator: str = ""
    ) -> Calibration | None:
        """How a score of these modalities is read, by the default estimator or a named one; None where it is not."""
        for each in self.estimators:
            if estimator in ("", each.estimator.name) and endpoint in each.endpoints and modalities:
                return each.endpoints[endpoint].of(modalities)
        return None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read the content of manifest.json."""
        return cls(
            name=content["name"],
            version=content["version"],
            statement=content["statement"],
            digest=content["manifest_sha256"],
            weights_sha256=content["weights"]["sha256"],
            started_from=content["provenance"].get("started_from", ""),
            estimators=estimators_of(content),
            content=content,
        )


def manifest_of(bundle: Path) -> BundleManifest:
    """The manifest of a bundle, verified; raises CheckpointRefused when it was changed."""
    from mome_core.model.bundle_files import read_manifest  # imports torch, as above

    return BundleManifest.from_json(read_manifest(bundle))
