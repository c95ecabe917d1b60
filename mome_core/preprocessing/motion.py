# mypy: disable-error-code="no-untyped-call"
# SimpleITK ships stubs without parameter types.
"""Measures how far each phase has moved against the pre-contrast phase, and moves it back when it is too far.

Registration (mutual information) sees small volumes whose brightness is clipped at that of the suppressed fat: what is
left is the patient's outline, which contrast agent does not change. Without the clip, uptake alone looks like 1 to 2 mm
of motion, and a B-spline bends healthy tissue by 3 mm to explain it. Measuring is rigid. Only phases above the recipe's
limit are corrected, rigidly and then by a few steps of a B-spline, and only those are resampled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name its own documentation uses
from scipy import ndimage

from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.pad import spatial
from mome_core.preprocessing.recipe import MotionRules
from mome_core.preprocessing.survey import Survey
from mome_core.volume import Affine, Dynamic, Voxels


@dataclass(frozen=True, slots=True)
class Motion:
    """Millimetres that the breasts moved against the pre-contrast phase, one number for each post-contrast phase.

    Parameters
    ----------
    found_mm, left_mm
        Before and after correction (equal where nothing was corrected). Each is the 95th percentile over the breasts
        of the displacement by a rigid registration.
    corrected
        Which post-contrast phases were registered.
    """

    found_mm: tuple[float, ...]
    left_mm: tuple[float, ...]
    corrected: tuple[bool, ...]


def correct_motion(
    dynamic: Dynamic, survey: Survey, breasts: BreastMask, rules: MotionRules
) -> tuple[Dynamic, Survey, Motion]:
    """The dynamic with the phases that moved more than the rules allow registered to the pre-contrast phase."""
    outlines = _outlines_of(survey, breasts, rules)
    transforms = [_rigid(outlines, phase, rules) for phase in range(1, len(outlines.phases))]
    found = displacements_mm(transforms, breasts)
    moved = tuple(distance > rules.limit_mm for distance in found)
    if not any(moved):
        return dynamic, survey, Motion(found, found, moved)
    voxels, phases = dynamic.voxels.copy(), survey.phases.copy()
    for phase in np.flatnonzero(moved).tolist():
        whole = _elastic(outlines, phase + 1, transforms[phase], rules)
        voxels[phase + 1] = resampled_to_pre_contrast(voxels[phase + 1], dynamic.affine, whole)
        phases[phase + 1] = resampled_to_pre_contrast(phases[phase + 1], survey.affine, whole)
    still = replace(survey, phases=phases)
    outlines = _outlines_of(still, breasts, rules)
    again = [_rigid(outlines, phase, rules) for phase in range(1, len(outlines.phases))]
    return replace(dynamic, voxels=voxels), still, Motion(found, displacements_mm(again, breasts), moved)


@dataclass(frozen=True, slots=True, eq=False)
class _Outlines:
    """The patient's outline in each phase, and the neighbourhood of the breasts in which outlines are compared."""

    phases: tuple[sitk.Image, ...]
    around: sitk.Image


def _outlines_of(survey: Survey, breasts: BreastMask, rules: MotionRules) -> _Outlines:
    """Small copies of the phases, clipped at the brightness of the suppressed fat."""
    small = survey.at(rules.working_mm)
    inside = breasts.on(small.affine, spatial(small.phases))
    around = ndimage.binary_dilation(inside, iterations=max(1, round(rules.reach_mm / rules.working_mm)))
    ceiling = np.percentile(small.phases[0][inside], rules.clip_percentile)
    phases = tuple(image_of(np.minimum(phase, ceiling), small.affine) for phase in small.phases)
    return _Outlines(phases, image_of(around.astype(np.uint8), small.affine))


def image_of(voxels: Voxels, affine: Affine) -> sitk.Image:
    """Voxels and their place as an image of SimpleITK, whose coordinates are LPS mm too."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def displacements_mm(transforms: list[sitk.Transform], breasts: BreastMask) -> tuple[float, ...]:
    """95th percentile over the breasts of how far each transform moves a point."""
    index = np.argwhere(breasts.mask)
    index = index[:: max(1, len(index) // 400)]
    points = index @ breasts.affine[:3, :3].T + breasts.affine[:3, 3]
    moved = [np.array([transform.TransformPoint(point) for point in points.tolist()]) for transform in transforms]
    return tuple(float(np.percentile(np.linalg.norm(there - points, axis=1), 95)) for there in moved)


def _rigid(outlines: _Outlines, phase: int, rules: MotionRules) -> sitk.Transform:
    """Rotation and translation from the pre-contrast phase to a later one."""
    method, fixed = _registration(outlines, rules), outlines.phases[0]
    start = sitk.Euler3DTransform()
    start.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()]))
    method.SetInitialTransform(start, inPlace=False)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=0.01, numberOfIterations=40, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    found: sitk.Transform = method.Execute(fixed, outlines.phases[phase])
    return found


def _elastic(outlines: _Outlines, phase: int, start: sitk.Transform, rules: MotionRules) -> sitk.Transform:
    """The rigid transform followed by a B-spline that brings what is left."""
    method, fixed = _registration(outlines, rules), outlines.phases[0]
    extent_mm = [n * spacing for n, spacing in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    mesh = [max(2, round(mm / rules.grid_mm)) for mm in extent_mm]
    method.SetMovingInitialTransform(start)
    method.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh), inPlace=True)
    method.SetOptimizerAsLBFGSB(
        numberOfIterations=rules.grid_steps, maximumNumberOfFunctionEvaluations=rules.grid_steps
    )
    return sitk.CompositeTransform([start, method.Execute(fixed, outlines.phases[phase])])


def _registration(outlines: _Outlines, rules: MotionRules) -> sitk.ImageRegistrationMethod:
    """Mattes mutual information over a fixed random sample, one thread: the same answer every time."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=24)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(rules.samples, seed=1)
    method.SetMetricFixedMask(outlines.around)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def resampled_to_pre_contrast(voxels: Voxels, affine: Affine, transform: sitk.Transform) -> Voxels:
    """A phase resampled where the transform says it was at the time of the pre-contrast phase."""
    image = image_of(voxels.astype(np.float32), affine)
    result = sitk.GetArrayFromImage(sitk.Resample(image, image, transform, sitk.sitkLinear, 0.0))
    turned = result.transpose(2, 1, 0)
    return np.rint(turned).astype(voxels.dtype) if np.issubdtype(voxels.dtype, np.integer) else turned
