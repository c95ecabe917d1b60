"""A NIfTI study from files to results: the answer that DICOM would give, as NIfTI and JSON instead of DICOM objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mome_core.case_file import write_nifti
from mome_core.errors import StudyIneligible
from mome_core.measurements import KineticMaps
from mome_core.nifti.names import is_nifti
from mome_core.nifti.study import NiftiStudy, describe_nifti, read_nifti_study
from mome_core.results import QualityFlag, Result, Saliency, Severity
from mome_core.volume import Volume
from node.analysis import AnalysisContext, with_result
from node.answering import StageProgress, answer_case, timed
from node.measuring import measured
from node.nifti_folders import require_own
from node.summary import AnalysisSummary
from sr_templates.kinds import MEASURED_KINDS
from sr_templates.saliency.placed import region_without_images
from sr_templates.saliency.region import Region

_KINETIC = ("initial-uptake-percent", "delayed-change-percent", "time-to-peak-s", "curve-types", "enhancing-tissue")
NO_DICOM = "a report, maps and all other DICOM objects refer to DICOM images, and this study is NIfTI"
_RESULT_JSON = "result.json"


@dataclass(frozen=True, slots=True, eq=False)
class _NiftiOutcome:
    """Everything that the analysis of one NIfTI study found; parts that it did not reach are None.

    Parameters
    ----------
    reason, code
        Why there is no score, for the reader, and the stable code of it; empty when there is one.
    timings_s
        Seconds of each stage, by name.
    """

    study: NiftiStudy | None
    result: Result | None
    reason: str
    code: str
    timings_s: Mapping[str, float]


def analyze_nifti(folder: Path, context: AnalysisContext, progress: StageProgress | None = None) -> _NiftiOutcome:
    """Analyse a folder of NIfTI files; one that cannot be analysed has a reason."""
    timings: dict[str, float] = {}
    study = None
    try:
        with timed(timings, "assemble"):
            study = read_nifti_study(folder, diffusion=True)
        answered = answer_case(study.case, study.without_dce, context.models, timings, progress)
    except StudyIneligible as reason:
        return _NiftiOutcome(study, None, str(reason), reason.code, timings)
    result = answered.result
    if (refusal := answered.refusal) is not None:
        return _NiftiOutcome(study, result, str(refusal), refusal.code, timings)
    timings |= result.timings_s
    with timed(timings, "measure"):
        maps = not context.options.kinds.isdisjoint(MEASURED_KINDS)
        result = measured(result, study.case, answered.surveyed, None, maps=maps)
    notes = (QualityFlag("IMAGES_CHOSEN", Severity.NOTE, f"{each[:1].upper()}{each[1:]}.") for each in study.notes)
    result = replace(result, flags=(*result.flags, *notes))
    return _NiftiOutcome(study, result, result.withheld, result.withheld_code, timings)


def summarize_nifti(outcome: _NiftiOutcome, context: AnalysisContext) -> AnalysisSummary:
    """The outcome as of a DICOM study, without series; every DICOM object that is wanted is not written."""
    summary = AnalysisSummary(
        reason=outcome.reason,
        code=outcome.code,
        warnings=() if outcome.study is None else outcome.study.notes,
        not_written={str(kind): NO_DICOM for kind in sorted(context.options.kinds)},
        timings_s={name: round(seconds, 3) for name, seconds in outcome.timings_s.items()},
    )
    return summary if outcome.result is None else with_result(summary, outcome.result)


def listed_maps(out: Path) -> frozenset[str]:
    """Names of the maps that an earlier result.json in a folder lists; empty without one of ours."""
    try:
        return frozenset(json.loads((out / _RESULT_JSON).read_text(encoding="utf-8"))["nifti"]["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def write_nifti_results(outcome: _NiftiOutcome, summary: AnalysisSummary, out: Path) -> tuple[str, ...]:
    """Write the maps as NIfTI and everything else as result.json; the names of the files.

    Maps that an earlier result.json lists are removed; NodeError where there are other NIfTI files in the folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    ours = listed_maps(out)
    require_own(out, ours)
    for earlier in [each for each in out.iterdir() if each.name in ours and is_nifti(each)]:
        earlier.unlink()  # of another study, it would be taken for this one's
    shown = None if outcome.result is None else region_without_images(outcome.result)
    maps = {} if outcome.result is None else dict(_maps_of(outcome.result, shown))
    for name, volume in maps.items():
        write_nifti(volume, out / name)
    told = {} if outcome.study is None else describe_nifti(outcome.study)
    region = {} if shown is None else _describe_region(shown[1])
    content = summary.to_json() | {"nifti": told | {"files": list(maps), "region": region}}
    (out / _RESULT_JSON).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return (*maps, _RESULT_JSON)


def _maps_of(result: Result, shown: tuple[Saliency, Region] | None) -> Iterator[tuple[str, Volume]]:
    """Each map of a result under the name of its file, on the grid of the images that it is of."""
    for each in result.saliency:
        yield f"saliency-{each.endpoint}-{each.modality.lower()}.nii.gz", each.volume
    if result.breasts is not None:
        yield "breasts.nii.gz", result.breasts.share
    if shown is not None:
        saliency, region = shown
        yield "region.nii.gz", replace(saliency.volume, voxels=region.mask.astype(np.uint8))
    if result.kinetics is not None:
        yield from _kinetic_maps(result.kinetics)


def _describe_region(region: Region) -> dict[str, object]:
    """Where the region of highest saliency lies."""
    peak_mm = [round(each, 2) for each in region.peak_mm.tolist()]
    return {"peak_lps_mm": peak_mm, "side": region.side, "volume_ml": round(region.volume_ml, 4)}


def _kinetic_maps(maps: KineticMaps) -> Iterator[tuple[str, Volume]]:
    """The kinetics of each voxel, as far as there are any."""
    found = (
        maps.initial_uptake_percent,
        maps.delayed_change_percent,
        maps.time_to_peak_s,
        maps.types,
        maps.tissue,
    )
    yield from ((f"{n}.nii.gz", volume) for n, volume in zip(_KINETIC, found, strict=True) if volume is not None)
