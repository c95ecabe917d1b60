"""Enhanced MR Image objects (PS3.3 A.36): frames with their functional groups."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.tag import Tag

from dicom_io.phantom.attributes import brightness, code, decimal, decimals
from dicom_io.phantom.plan import Attributes, InstanceLayout, SeriesPlan, SlicePlan, StackPlan, StudyPlan
from mome_core.volume import Volume

STACK_ID, IN_STACK_POSITION, TEMPORAL_INDEX = 0x00209056, 0x00209057, 0x00209128
_B_VALUE = 0x00189087
FRAME_CONTENT, DIFFUSION = 0x00209111, 0x00189117


def frames(study: StudyPlan, series: SeriesPlan, images: Sequence[SlicePlan]) -> Attributes:
    """The attributes that make an MR image multi-frame: frames, dimensions, pulse sequence."""
    return {
        **_whole_image(study, series, images),
        **(_pulse_sequence(series) if series.attributes["ImageType"][0] == "ORIGINAL" else {}),
        **_dimensions(study, series, images[0].stack),
        "NumberOfFrames": str(len(images)),
        "SharedFunctionalGroupsSequence": [_shared_groups(series, images)],
        "PerFrameFunctionalGroupsSequence": [_frame_groups(study, series, image) for image in images],
    }


def _whole_image(study: StudyPlan, series: SeriesPlan, images: Sequence[SlicePlan]) -> Attributes:
    """The Enhanced MR Image module's part (PS3.3 C.8.13.1)."""
    first = images[0].stack
    return {
        **_frame_kind(series),
        "AcquisitionNumber": str(first.temporal_index),
        "AcquisitionDateTime": study.datetime(first.time_s),
        "AcquisitionDuration": 60.0,
        "AcquisitionContextSequence": [],
        "ContentQualification": "RESEARCH",
        "ResonantNucleus": "1H",
        "KSpaceFiltering": "NONE",
        "ApplicableSafetyStandardAgency": "IEC",
        "NumberOfTemporalPositions": str(max(stack.temporal_index for stack in series.stacks)),
        "ContentTime": study.time(first.time_s + 60),
    }


def _frame_kind(series: SeriesPlan) -> Attributes:
    """Attributes that an image shares with each of its frames (PS3.3 C.8.13.3)."""
    return {
        "PixelPresentation": "MONOCHROME",
        "VolumetricProperties": "VOLUME",
        "VolumeBasedCalculationTechnique": "MAX_IP" if series.key.startswith("mip") else "NONE",
        "ComplexImageComponent": "MAGNITUDE",
        "AcquisitionContrast": series.sequence.contrast,
    }


def _pulse_sequence(series: SeriesPlan) -> Attributes:
    """PS3.3 C.8.13.4; only for images as acquired."""
    sequence = series.sequence
    spin_echo = {"MultipleSpinEcho": "NO" if sequence.epi else "YES"}
    return ({} if sequence.gradient_echo else spin_echo) | {
        "MRAcquisitionType": sequence.kind,
        "EchoPulseSequence": "GRADIENT" if sequence.gradient_echo else "SPIN",
        "MultiPlanarExcitation": "NO",
        "PhaseContrast": "NO",
        "TimeOfFlightContrast": "NO",
        "SteadyStatePulseSequence": "NONE",
        "EchoPlanarPulseSequence": "YES" if sequence.epi else "NO",
        "SaturationRecovery": "NO",
        "SpectrallySelectedSuppression": "FAT" if sequence.fat_suppressed else "NONE",
        "OversamplingPhase": "NONE",
        "GeometryOfKSpaceTraversal": "RECTILINEAR",
        "RectilinearPhaseEncodeReordering": "LINEAR",
        "SegmentedKSpaceTraversal": "FULL" if sequence.kind == "3D" else "PARTIAL",
        "NumberOfKSpaceTrajectories": 1,
        **({"CoverageOfKSpace": "FULL"} if sequence.kind == "3D" else {}),
    }


def _dimensions(study: StudyPlan, series: SeriesPlan, first: StackPlan) -> Attributes:
    """Stack, position in the stack, and time or b-value (PS3.3 C.7.6.17)."""
    organization = study.uid(series.key, "dimensions", first.temporal_index, first.b_value)
    pointers = [(STACK_ID, FRAME_CONTENT), (IN_STACK_POSITION, FRAME_CONTENT), _changing(series)]
    return {
        "DimensionOrganizationSequence": [{"DimensionOrganizationUID": organization}],
        "DimensionIndexSequence": [
            {
                "DimensionOrganizationUID": organization,
                "DimensionIndexPointer": Tag(pointer),
                "FunctionalGroupPointer": Tag(group),
            }
            for pointer, group in pointers
        ],
    }


def _changing(series: SeriesPlan) -> tuple[int, int]:
    """The third dimension: b-value in a diffusion series, else time."""
    by_b_value = any(stack.b_value is not None for stack in series.stacks)
    return (_B_VALUE, DIFFUSION) if by_b_value else (TEMPORAL_INDEX, FRAME_CONTENT)


# Functional groups that are equal for every sequence: nothing that a reader of volumes would ask.
_CONSTANT_GROUPS: Attributes = {
    "FrameAnatomySequence": [{"AnatomicRegionSequence": [code("76752008", "SCT", "Breast")], "FrameLaterality": "B"}],
    "MRImagingModifierSequence": [
        {
            "MagnetizationTransfer": "NONE",
            "BloodSignalNulling": "NO",
            "Tagging": "NONE",
            "TransmitterFrequency": 127.73,
            "PixelBandwidth": "430",
        }
    ],
    "MRReceiveCoilSequence": [
        {
            "ReceiveCoilName": "BREAST_18",
            "ReceiveCoilManufacturerName": "",
            "ReceiveCoilType": "MULTICOIL",
            "QuadratureReceiveCoil": "NO",
            "MultiCoilDefinitionSequence": [{"MultiCoilElementName": "B1", "MultiCoilElementUsed": "YES"}],
        }
    ],
    "MRTransmitCoilSequence": [
        {"TransmitCoilName": "Body", "TransmitCoilManufacturerName": "", "TransmitCoilType": "BODY"}
    ],
    "MRAveragesSequence": [{"NumberOfAverages": "1"}],
}


def _shared_groups(series: SeriesPlan, images: Sequence[SlicePlan]) -> Attributes:
    """The functional groups that all frames have in common."""
    return {
        **_CONSTANT_GROUPS,
        **_sampling(images[0].stack.volume),
        "MRImageFrameTypeSequence": [{"FrameType": series.attributes["ImageType"], **_frame_kind(series)}],
        "MRTimingAndRelatedParametersSequence": [_timing(series)],
        "MREchoSequence": [{"EffectiveEchoTime": series.sequence.te_ms}],
        "MRModifierSequence": [_modifier(series)],
    }


def _sampling(volume: Volume) -> Attributes:
    """Pixel measures, orientation and matrix of a volume."""
    width, height, depth = volume.spacing_mm
    columns, rows, slices = volume.voxels.shape
    measures = {
        "PixelSpacing": decimals([height, width]),
        "SliceThickness": decimal(depth),
        "SpacingBetweenSlices": decimal(depth),
    }
    field_of_view = {
        "InPlanePhaseEncodingDirection": "ROW",
        "MRAcquisitionFrequencyEncodingSteps": rows,
        "MRAcquisitionPhaseEncodingStepsInPlane": columns,
        "MRAcquisitionPhaseEncodingStepsOutOfPlane": slices,
        "PercentSampling": "100",
        "PercentPhaseFieldOfView": "100",
    }
    cosines = decimals([*(volume.affine[:3, 0] / width), *(volume.affine[:3, 1] / height)])
    return {
        "PixelMeasuresSequence": [measures],
        "PlaneOrientationSequence": [{"ImageOrientationPatient": cosines}],
        "MRFOVGeometrySequence": [field_of_view],
    }


def _timing(series: SeriesPlan) -> Attributes:
    """MR Timing and Related Parameters (PS3.3 C.8.13.5.2)."""
    sequence = series.sequence
    return {
        "RepetitionTime": decimal(sequence.tr_ms),
        "FlipAngle": decimal(sequence.flip_degrees),
        "EchoTrainLength": str(sequence.echo_train),
        "RFEchoTrainLength": 0 if sequence.gradient_echo or sequence.epi else sequence.echo_train,
        "GradientEchoTrainLength": sequence.echo_train if sequence.epi else int(sequence.gradient_echo),
        "SpecificAbsorptionRateSequence": [
            {"SpecificAbsorptionRateDefinition": "IEC_WHOLE_BODY", "SpecificAbsorptionRateValue": 0.9}
        ],
        "GradientOutputType": "PER_NERVE_STIM",
        "GradientOutput": 0.55,
        "OperatingModeSequence": [
            {"OperatingModeType": kind, "OperatingMode": "IEC_NORMAL"} for kind in ("STATIC FIELD", "RF", "GRADIENT")
        ],
    }


def _modifier(series: SeriesPlan) -> Attributes:
    """MR Modifier (PS3.3 C.8.13.5.5): inversion and fat suppression."""
    sequence = series.sequence
    inversion: Attributes = {"InversionRecovery": "YES" if sequence.inversion_ms else "NO"}
    if sequence.inversion_ms:
        inversion["InversionTimes"] = [sequence.inversion_ms]
    return {
        **inversion,
        "FlowCompensation": "NONE",
        "Spoiling": "RF" if sequence.gradient_echo else "NONE",
        "T2Preparation": "NO",
        "SpectrallySelectedExcitation": "NONE",
        "SpatialPresaturation": "NONE",
        "PartialFourier": "NO",
        "ParallelAcquisition": "NO",
    }


def _frame_groups(study: StudyPlan, series: SeriesPlan, image: SlicePlan) -> Attributes:
    """The functional groups that differ from frame to frame."""
    stack, k = image.stack, image.slice
    affine = stack.volume.affine
    groups: Attributes = {
        "FrameContentSequence": [_frame_content(study, series, stack, k)],
        "PlanePositionSequence": [{"ImagePositionPatient": decimals(affine[:3, 3] + affine[:3, 2] * k)}],
        "PixelValueTransformationSequence": [
            {"RescaleIntercept": "0", "RescaleSlope": decimal(stack.slope), "RescaleType": "US"}
        ],
        "FrameVOILUTSequence": [_frame_window(image)],
    }
    if series.sequence.contrast == "DIFFUSION":
        groups["MRDiffusionSequence"] = [_diffusion(stack)]
    if "ContrastBolusAgentSequence" in series.attributes:
        given = "YES" if stack.temporal_index > 1 or not series.dynamic else "NO"
        usage = {
            "ContrastBolusAgentNumber": 1,
            "ContrastBolusAgentAdministered": given,
            "ContrastBolusAgentDetected": given,
        }
        groups["ContrastBolusUsageSequence"] = [usage]
    return {**groups, **stack.attributes, **image.attributes}


def _frame_window(image: SlicePlan) -> Attributes:
    width = max(2, brightness(image))
    return {"WindowCenter": str(width // 2), "WindowWidth": str(width)}


def _frame_content(study: StudyPlan, series: SeriesPlan, stack: StackPlan, k: int) -> Attributes:
    """Frame Content (PS3.3 C.7.6.16.2.2); each instance of a PER_STACK series starts counting anew."""
    stacks = series.stacks
    third = next(n for n, other in enumerate(stacks, start=1) if other is stack)
    if series.objects is InstanceLayout.PER_STACK and stack.b_value is not None:
        third = 1
    return {
        "FrameAcquisitionDateTime": study.datetime(stack.time_s),
        "FrameReferenceDateTime": study.datetime(stack.time_s),
        "FrameAcquisitionDuration": 60000.0,
        "StackID": stack.stack_id,
        "InStackPositionNumber": k + 1,
        "TemporalPositionIndex": stack.temporal_index,
        "DimensionIndexValues": [int(stack.stack_id), k + 1, third],
    }


def _diffusion(stack: StackPlan) -> Attributes:
    """MR Diffusion (PS3.3 C.8.13.5.9); isotropic without a b-value is an ADC map."""
    if stack.b_value is None:
        return {"DiffusionDirectionality": "ISOTROPIC"}
    return {
        "DiffusionBValue": float(stack.b_value),
        "DiffusionDirectionality": "NONE" if stack.b_value == 0 else "ISOTROPIC",
    }
