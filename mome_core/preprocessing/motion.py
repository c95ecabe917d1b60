# mypy: disable-error-code="no-untyped-call"
# SimpleITK ships stubs without parameter types.
"""Measures how far each phase has moved against the pre-contrast phase, and moves it back when it is too far.

Measuring is a rigid registration of the small survey volumes (mutual information, because contrast changes brightness).
Only phases above the recipe's limit are corrected: rigid first, then B-spline, and only those are resampled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name its own documentation uses
from numpy.typing import NDArray

from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.recipe import Recipe
from mome_core.preprocessing.survey import Survey, survey_of
from mome_core.volume import Affine, Dynamic, Voxels

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """Millimetres that the breasts moved against the pre-contrast phase, one number for each post-contrast phase.

    found_mm : before, left_mm : after correction (the same where nothing was corrected). Each is the 95th percentile
        over the breasts of the displacement by a rigid registration.
    corrected : which post-contrast phases were registered.
    """

    found_mm: tuple[float, ...]
    left_mm: tuple[float, ...]
    corrected: tuple[bool, ...]


def hold_still(dynamic: Dynamic, survey: Survey, breasts: BreastMask, recipe: Recipe) -> tuple[Dynamic, Survey, Motion]:
    """The dynamic with the phases that moved more than the recipe allows registered to the pre-contrast phase."""
    images = [image_of(phase, survey.affine) for phase in survey.phases]
    where = image_of(breasts.mask.astype(np.uint8), survey.affine)
    points = some_points(breasts)
    transforms = [rigid(images[0], image, where, recipe) for image in images[1:]]
    found = tuple(displacement_mm(transform, points) for transform in transforms)
    moved = tuple(distance > recipe.motion_limit_mm for distance in found)
    if not any(moved):
        return dynamic, survey, Motion(found, found, moved)
    voxels = dynamic.voxels.copy()
    for index, (transform, far) in enumerate(zip(transforms, moved, strict=True), start=1):
        if far:
            whole = elastic(images[0], images[index], transform, recipe)
            voxels[index] = moved_back(voxels[index], dynamic.affine, whole)
    still = replace(dynamic, voxels=voxels)
    again = survey_of(still, recipe.breast.working_mm)
    after = [
        displacement_mm(rigid(images[0], image_of(phase, again.affine), where, recipe), points) if far else distance
        for phase, far, distance in zip(again.phases[1:], moved, found, strict=True)
    ]
    return still, again, Motion(found, tuple(after), moved)


def image_of(voxels: Voxels, affine: Affine) -> sitk.Image:
    """The same voxels in the same place for SimpleITK, whose coordinates are LPS mm too."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def some_points(breasts: BreastMask) -> Points:
    """Up to a few hundred positions in the breasts, LPS mm."""
    index = np.argwhere(breasts.mask)
    index = index[:: max(1, len(index) // 400)]
    return np.asarray(index @ breasts.affine[:3, :3].T + breasts.affine[:3, 3])


def displacement_mm(transform: sitk.Transform, points: Points) -> float:
    """95th percentile of how far a transform moves the points."""
    moved = np.array([transform.TransformPoint(point) for point in points.tolist()])
    return float(np.percentile(np.linalg.norm(moved - points, axis=1), 95))


def rigid(fixed: sitk.Image, moving: sitk.Image, where: sitk.Image, recipe: Recipe) -> sitk.Transform:
    """Rotation and translation that bring the moving image's breasts onto the fixed image's."""
    method = registration(recipe)
    method.SetMetricFixedMask(where)
    centre = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    start = sitk.Euler3DTransform()
    start.SetCenter(centre)
    method.SetInitialTransform(start, inPlace=False)
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0])
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.02, numberOfIterations=60, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    found: sitk.Transform = method.Execute(fixed, moving)
    return found


def elastic(fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, recipe: Recipe) -> sitk.Transform:
    """The rigid transform followed by a B-spline of `motion_grid_mm` that brings what is left."""
    method = registration(recipe)
    size = [n * s for n, s in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    mesh = [max(2, round(mm / recipe.motion_grid_mm)) for mm in size]
    method.SetMovingInitialTransform(start)
    method.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh), inPlace=True)
    method.SetShrinkFactorsPerLevel([2])
    method.SetSmoothingSigmasPerLevel([1.0])
    method.SetOptimizerAsLBFGSB(numberOfIterations=15)
    bend = method.Execute(fixed, moving)
    return sitk.CompositeTransform([start, bend])


def registration(recipe: Recipe) -> sitk.ImageRegistrationMethod:
    """Mattes mutual information over a fixed random sample, one thread: the same answer every time."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(recipe.motion_samples, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def moved_back(voxels: Voxels, affine: Affine, transform: sitk.Transform) -> Voxels:
    """A phase resampled where the transform says it was at the time of the pre-contrast phase."""
    image = image_of(voxels.astype(np.float32), affine)
    result = sitk.GetArrayFromImage(sitk.Resample(image, image, transform, sitk.sitkLinear, 0.0))
    turned = result.transpose(2, 1, 0)
    return np.rint(turned).astype(voxels.dtype) if np.issubdtype(voxels.dtype, np.integer) else turned
