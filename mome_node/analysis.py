"""The answer of a bundle to a study: scores, contributions, saliency, measurements, pictures, DICOM objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from mome_core.case import Case
from mome_core.inference import ActiveModel
from mome_core.measurements import Measurements
from mome_core.model.checkpoint import Checkpoint
from mome_core.policy import Policy, default_policy
from mome_core.results import Endpoint, Result, Saliency, Score
from mome_node.pictures import saliency_picture
from mome_node.study import Study
from node.analysis import evidence_of, wanted_kinds
from node.answering import answer_case
from node.errors import NodeError
from node.identity import this_device
from node.measuring import measured
from node.result_files import write_result_files
from node.study_doubts import doubted
from sr_templates.build import build_objects
from sr_templates.context import ObjectOptions


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Analysis:
    """What a bundle answered.

    Parameters
    ----------
    result
        Everything that was concluded, as the node concludes it.
    case
        The volumes that were analysed.
    study
        Where they came from; None for volumes that were given without a study.

    Examples
    --------
    >>> analysis = analyze(study, model)
    >>> analysis  # doctest: +ELLIPSIS
    Analysis: malignancy ... (...)
    >>> [score] = analysis.scores
    >>> total = score.base_probability + sum(each.value for each in score.contributions)
    >>> abs(total - score.probability) < 1e-6
    True
    >>> [str(each.modality) for each in analysis.saliency]
    ['DCE', 'DWI', 'T2']
    >>> analysis.saliency[0].volume.voxels.shape == study.case.dce.voxels.shape[1:]
    True
    >>> picture = analysis.show()
    >>> picture.size[0] > picture.size[1]
    True
    """

    result: Result
    case: Case
    study: Study | None = None

    @property
    def scores(self) -> tuple[Score, ...]:
        """One for each endpoint that was answered, with call, contributions and calibration."""
        return self.result.scores

    @property
    def saliency(self) -> tuple[Saliency, ...]:
        """Attribution per voxel, one map for each endpoint and modality; log odds, on the grid of the source images."""
        return self.result.saliency

    @property
    def measurements(self) -> Measurements | None:
        """What the images prove without a network: kinetics, size, diffusion."""
        return self.result.measurements

    def show(self, endpoint: Endpoint | str = "") -> Image:
        """A picture of the saliency maps, whatever the call, without anything that names the patient.

        The node's own pages mark a place above the operating point only; this picture is for research.

        Parameters
        ----------
        endpoint
            Whose maps; empty for the first one that has some.

        Raises
        ------
        ValueError
            There is no map of this endpoint, or no score was given.
        """
        return saliency_picture(self.case, self.result, endpoint)

    def write(self, out: str | Path, kinds: Iterable[str] = ()) -> tuple[Path, ...]:
        """Write the DICOM objects of the result, and the summary page as a picture, into a folder; their paths.

        Parameters
        ----------
        kinds
            Which objects, by the words of `results.kinds`; none for those that the node writes by default.

        Raises
        ------
        NodeError
            The volumes do not come from DICOM, or there is no such kind.
        """
        if self.study is None or self.study.assembly is None:
            raise NodeError("DICOM objects refer to images, and these volumes do not come from DICOM")
        options = ObjectOptions(wanted_kinds(tuple(kinds)))
        device = this_device(Path(out) / ".node")
        objects = build_objects(self.result, evidence_of(self.study.assembly), device, options=options)
        return write_result_files(objects, Path(out))

    def __repr__(self) -> str:
        shown = [each for each in self.scores if each.probability is not None]
        told = ", ".join(f"{each.endpoint.words} {each.probability:.3f} ({each.call})" for each in shown)
        return f"Analysis: {told or self.result.withheld}"


def analyze(
    study: Study | Case,
    model: Checkpoint,
    *,
    policy: Policy | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Analysis:
    """Let a bundle answer a study, as the node does: scores, contributions, saliency, measurements.

    Parameters
    ----------
    study
        A study, or volumes alone (changed ones, say). Only of a DICOM study can DICOM objects be written.
    policy
        What is computed and in which precision; None for what suits model and device.
    progress
        Called with (stage, done, planned); an exception from it ends the work.

    Raises
    ------
    StudyIneligible
        The volumes cannot be analysed. Where they can but may not be scored, `result.withheld` says why.

    Examples
    --------
    >>> from dataclasses import replace
    >>> without_t2 = analyze(replace(study.case, t2=None), model)
    >>> without_t2.result.modalities_used
    (<Modality.DCE: 'DCE'>, <Modality.DWI: 'DWI'>)
    """
    case = study.case if isinstance(study, Study) else study
    source = study if isinstance(study, Study) else None
    answering = (ActiveModel(model, policy or default_policy(model.network)),)
    answered = answer_case(case, source.without_dce if source else None, answering, {}, progress)
    if answered.refusal is not None:
        return Analysis(answered.result, case, source)
    if source is None:
        return Analysis(measured(answered.result, case, answered.surveyed, None), case)
    evidence = None if source.assembly is None else evidence_of(source.assembly)
    result = measured(answered.result, case, answered.surveyed, evidence)
    return Analysis(doubted(result, source.headers, (), source.choices), case, source)
