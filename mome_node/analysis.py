"""The answer of a bundle to a study: scores, contributions, saliency, measurements, pictures, DICOM objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from dicom_io.study.case import Assembly
from mome_core.case import Case
from mome_core.errors import StudyIneligible
from mome_core.inference import ActiveModel
from mome_core.measurements import Measurements
from mome_core.model.checkpoint import Checkpoint
from mome_core.policy import Policy, default_policy
from mome_core.results import Endpoint, Result, Saliency, Score
from mome_node.pictures import saliency_picture
from mome_node.study import Study
from node.analysis import AnalysisContext, evidence_of, refused_objects, wanted_kinds
from node.answering import answer_case
from node.errors import NodeError
from node.identity import users_device
from node.measuring import measured
from node.result_files import write_result_files
from node.study_doubts import doubted
from sr_templates.build import build_objects
from sr_templates.context import ObjectOptions
from sr_templates.dicom.device import Revision


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
    refusal
        Why the bundle may not answer from what there is; None where it does. `write` then writes objects that say so.

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
    refusal: StudyIneligible | None = None

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
            The volumes do not come from DICOM or were changed since, or there is no such kind.
        """
        assembly = _assembly_of(self.case, self.study)
        if self.study is None or assembly is None:
            raise NodeError("DICOM objects refer to images, and these volumes do not come from DICOM, or were changed")
        context = AnalysisContext((), users_device(), options=ObjectOptions(wanted_kinds(tuple(kinds))))
        if self.refusal is None:
            answer = build_objects(self.result, evidence_of(assembly), context.device, options=context.options)
            return write_result_files(answer, Path(out))
        refused = refused_objects(self.study.headers, self.refusal, context, Revision())
        if refused is None:
            raise NodeError("the study has no image that a DICOM object could refer to")
        return write_result_files(refused, Path(out))

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
        A study, or volumes alone (changed ones, say). DICOM objects can be written of a DICOM study as it was read.
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
        return Analysis(answered.result, case, source, answered.refusal)
    if source is None:
        return Analysis(measured(answered.result, case, answered.surveyed, None), case)
    assembly = _assembly_of(case, source)
    evidence = None if assembly is None else evidence_of(assembly)
    result = measured(answered.result, case, answered.surveyed, evidence)
    return Analysis(doubted(result, source.headers, (), source.choices), case, source)


def _assembly_of(case: Case, study: Study | None) -> Assembly | None:
    """The images behind volumes; None where they are not of DICOM, or not those that were read."""
    assembly = None if study is None else study.assembly
    return assembly if assembly is not None and assembly.case is case else None
