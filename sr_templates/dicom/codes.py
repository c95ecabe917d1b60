"""The coded words of our objects: PS3.16 where it has one, our private scheme where it has none."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from mome_core.assessment import Verdict
from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.measurements import CurveType
from mome_core.results import Endpoint, Laterality
from sr_templates.languages.words import Language

# Fixed for ever: archives hold reports that use it.
PRIVATE_SCHEME = "99MOMENODE"
PRIVATE_SCHEME_VERSION = "1"
WEIGHTS = "weights SHA-256 "  # how algorithm parameters begin to name the model


def private(value: str, meaning: str) -> Code:
    """A code of our own scheme (PS3.3 section 8.2: designators that begin with 99)."""
    return Code(value, PRIVATE_SCHEME, meaning)


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


# Document (TID 1500) and its context (TID 1001 - 1004, 1204)
ONCOLOGY_MEASUREMENT_REPORT = _dcm("126001", "Oncology Measurement Report")
IMAGING_MEASUREMENT_REPORT = _dcm("126000", "Imaging Measurement Report")
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH = Code("en-US", "RFC5646", "English (United States)")
LANGUAGES = {
    Language.GERMAN: Code("de", "RFC5646", "German"),
    Language.FRENCH: Code("fr", "RFC5646", "French"),
    Language.CHINESE: Code("zh", "RFC5646", "Chinese"),
    Language.JAPANESE: Code("ja", "RFC5646", "Japanese"),
}
OBSERVER_TYPE = _dcm("121005", "Observer Type")
DEVICE = _dcm("121007", "Device")
PROCEDURE_REPORTED = _dcm("121058", "Procedure reported")
MULTIPARAMETRIC_MRI = _dcm("126020", "Multiparametric MRI")  # CID 100; SCT "MRI of breast" is not in it
IMPRESSION = _dcm("121073", "Impression")
IMAGE_LIBRARY = _dcm("111028", "Image Library")
IMAGE_LIBRARY_GROUP = _dcm("126200", "Image Library Group")
MODALITY = _dcm("121139", "Modality")
MAGNETIC_RESONANCE = _dcm("MR", "Magnetic Resonance")
SERIES_NUMBER = _dcm("113607", "Series Number")
INSTANCE_NUMBER = _dcm("113609", "Instance Number")
IMAGING_MEASUREMENTS = _dcm("126010", "Imaging Measurements")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")

# Measurement group (TID 1501, TID 1411) and algorithm (TID 4019)
MEASUREMENT_GROUP = _dcm("125007", "Measurement Group")
TRACKING_IDENTIFIER = _dcm("112039", "Tracking Identifier")
TRACKING_UID = _dcm("112040", "Tracking Unique Identifier")
FINDING_SITE = _sct("363698007", "Finding Site")
BREAST = _sct("76752008", "Breast")
LATERALITY = _sct("272741003", "Laterality")
BILATERAL = _sct("51440002", "Right and left")
LEFT = _sct("7771000", "Left")
RIGHT = _sct("24028007", "Right")
LATERALITIES = {Laterality.BOTH: BILATERAL, Laterality.LEFT: LEFT, Laterality.RIGHT: RIGHT}
ALGORITHM_NAME = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION = _dcm("111003", "Algorithm Version")
ALGORITHM_PARAMETERS = _dcm("111002", "Algorithm Parameters")
ARTIFICIAL_INTELLIGENCE = _dcm("123110", "Artificial Intelligence")
REFERENCED_SEGMENT = _dcm("121191", "Referenced Segment")
OUTLINE = _dcm("111041", "Outline")
VISUAL_EXPLANATION = _dcm("130401", "Visual explanation")
SALIENCY = _dcm("130404", "Saliency")
PERCENT = Code("%", "UCUM", "Percent")
SECONDS = Code("s", "UCUM", "second")
MILLILITRES = Code("ml", "UCUM", "milliliter")
MILLIMETRES = Code("mm", "UCUM", "millimeter")
SQUARE_MICROMETRES_PER_SECOND = Code("um2/s", "UCUM", "square micrometer per second")
NO_UNITS = Code("1", "UCUM", "no units")

# Kinetics
TIME_TO_PEAK = _dcm("113069", "Time To Peak")
PERFUSION_ANALYSIS = _dcm("113070", "Perfusion image analysis")
MULTISPECTRAL_PROCESSING = _dcm("123108", "Multispectral Processing")
CURVE_TYPES = {
    CurveType.PERSISTENT: _dcm("130597", "Persistent delayed phase: Type 1 curve"),
    CurveType.PLATEAU: _dcm("130598", "Plateau delayed phase: Type 2 curve"),
    CurveType.WASHOUT: _dcm("130599", "Washout delayed phase: Type 3 curve"),
}

# Of the enhancing tissue at the point
FROM_SKIN = _dcm("121243", "Distance from skin")
FROM_CHEST_WALL = _dcm("121244", "Distance from chest wall")
ADC = _dcm("113041", "Apparent Diffusion Coefficient")

# What PS3.16 has no word for
ENHANCING_VOLUME = private("ENHANCING_VOLUME", "Volume of enhancing tissue connected to the point")
ENHANCING_EXTENTS = {
    "left-right": private("EXTENT_LR", "Extent of enhancing tissue, left-right"),
    "anterior-posterior": private("EXTENT_AP", "Extent of enhancing tissue, anterior-posterior"),
    "foot-head": private("EXTENT_FH", "Extent of enhancing tissue, foot-head"),
}
WORST_CURVE = private("WORST_CURVE", "Worst curve type in the enhancing tissue")
ADC_MINIMUM = private("ADC_MINIMUM", "Lowest ADC of a voxel")
INITIAL_UPTAKE = private("INITIAL_UPTAKE", "Initial uptake of contrast agent")
DELAYED_CHANGE = private("DELAYED_CHANGE", "Signal change from first to last post-contrast phase")
INTENDED_USE = private("INTENDED_USE", "Intended use")
RESEARCH_ONLY = private("RESEARCH_ONLY", "Research use only, not for diagnosis")
OPERATING_POINT = private("OPERATING_POINT", "Operating point")
READING = private("READING", "Score against operating point")
READINGS = {
    Call.POSITIVE: private("ABOVE", "Above operating point"),
    Call.NEGATIVE: private("NOT_ABOVE", "Not above operating point"),
    Call.WITHHELD: private("CALL_WITHHELD", "Withheld"),
}
CALL_WORDS = private("CALL_WORDS", "Reading of the score")
SENSITIVITY = (
    private("SENSITIVITY", "Validated sensitivity at operating point"),
    private("SENSITIVITY_LOW", "Validated sensitivity, lower 95 % bound"),
    private("SENSITIVITY_HIGH", "Validated sensitivity, upper 95 % bound"),
)
SPECIFICITY = (
    private("SPECIFICITY", "Validated specificity at operating point"),
    private("SPECIFICITY_LOW", "Validated specificity, lower 95 % bound"),
    private("SPECIFICITY_HIGH", "Validated specificity, upper 95 % bound"),
)
AT_THIS_SCORE = (
    private("AT_SCORE", "Positive among validation patients with such a score"),
    private("AT_SCORE_LOW", "Positive at such a score, lower 95 % bound"),
    private("AT_SCORE_HIGH", "Positive at such a score, upper 95 % bound"),
)
SPREAD = private("SPREAD", "Variation with placement, standard deviation")
SHAPLEY = private("SHAPLEY", "Shapley value over modality subsets")
BASE_PROBABILITY = private("BASE_PROBABILITY", "Calibrated prevalence of the validation patients")
COMPLETENESS_ERROR = private("COMPLETENESS_ERR", "Completeness error of saliency")
SEQUENCE_USED = private("SEQUENCE_USED", "Sequence used")
SEQUENCE_OF = private("SEQUENCE_OF", "Sequence of the image")
SEQUENCE_MISSING = private("SEQUENCE_MISSING", "Sequence missing")
QUALITY_FLAG = private("QUALITY_FLAG", "Quality flag")
STATUS = private("STATUS", "Analysis status")
ANALYSED = private("ANALYSED", "Analysed")
NOT_ANALYSED = private("NOT_ANALYSED", "Not analysed: no score was given")
NOT_ANALYSED_REASON = private("REASON", "Reason for no score")
REVISION = private("REVISION", "Revision of the analysis")
INPUT_DIGEST = private("INPUT_DIGEST", "SHA-256 of the ordered input SOP Instance UIDs")
MODEL_STATEMENT = private("MODEL_STATEMENT", "Scope of the model")
EARLIER_RESULT = private("EARLIER_RESULT", "Result of this patient by date")
RESULT_RECORD = private("RESULT_RECORD", "Result as data, for comparison with later ones")
NOT_WRITTEN = private("NOT_WRITTEN", "Object not written")
REGION_OF_HIGHEST_SALIENCY = private("SALIENT_REGION", "Region of highest saliency")
ATTRIBUTION = private("ATTRIBUTION", "Attribution of a network's score to voxels")

PROBABILITY = {
    Endpoint.MALIGNANCY: _dcm("111047", "Probability of cancer"),
    Endpoint.TRIPLE_NEGATIVE: private("PROB_TNBC", "Probability of triple-negative subtype"),
    Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE: private("PROB_PCR", "Probability of pathologic complete response"),
}
CONTRIBUTION = {
    Modality.DCE: private("SHAP_DCE", "Contribution of DCE"),
    Modality.DWI: private("SHAP_DWI", "Contribution of DWI"),
    Modality.T2: private("SHAP_T2", "Contribution of T2"),
}
WITHOUT = {
    Modality.DCE: private("WITHOUT_DCE", "Score without DCE"),
    Modality.DWI: private("WITHOUT_DWI", "Score without DWI"),
    Modality.T2: private("WITHOUT_T2", "Score without T2"),
}
SEQUENCE = {
    Modality.DCE: _dcm("130567", "Dynamic Contrast-Enhanced Acquisition"),
    Modality.DWI: _dcm("113043", "Diffusion weighted"),
    Modality.T2: _dcm("110805", "T2 Weighted MR Signal Intensity"),
}

# Key object titles (CID 7010, CID 7011)
OF_INTEREST = _dcm("113000", "Of Interest")
REJECTED_FOR_QUALITY = _dcm("113001", "Rejected for Quality Reasons")
REJECTED_FOR_PATIENT_SAFETY = _dcm("113037", "Rejected for Patient Safety Reasons")
INCORRECT_WORKLIST_ENTRY = _dcm("113038", "Incorrect Modality Worklist Entry")
RETENTION_EXPIRED = _dcm("113039", "Data Retention Policy Expired")

# What a reader says of a result
DOCUMENT_TITLE_MODIFIER = _dcm("113011", "Document Title Modifier")
KEY_OBJECT_DESCRIPTION = _dcm("113012", "Key Object Description")
COMMENT = _dcm("121106", "Comment")
VERDICT = private("VERDICT", "Reader's verdict on the AI result")
VERDICTS = {
    Verdict.AGREE: _dcm("122775", "Agreement with prior findings"),  # CID 3217
    Verdict.DISAGREE: _dcm("122776", "Disagreement with prior findings"),
    Verdict.WRONG_SIDE: private("WRONG_SIDE", "The side that the AI result names is wrong"),
    Verdict.NOT_USABLE: private("NOT_USABLE", "The AI result is not usable"),
}

RUN_STARTED = _dcm("111526", "DateTime Started")
RUN_ENDED = _dcm("111527", "DateTime Ended")

# Relations and roles
ACQUISITION_EQUIPMENT = _dcm("109101", "Acquisition Equipment")
SOURCE_FOR_PROCESSING = _dcm("121322", "Source image for image processing operation")
SPATIAL_CONCEPT = _sct("309825002", "Spatial and Relational Concept")  # CID 7150: a place, not a finding


def code_item(code: Code) -> Dataset:
    """The code as an item of a code sequence (PS3.3 Table 8.8-1)."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def coding_scheme_identification() -> Dataset:
    """The item that tells a reader what 99MOMENODE is (0008,0110)."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "MOME Node private codes"
    item.CodingSchemeVersion = PRIVATE_SCHEME_VERSION
    item.CodingSchemeResponsibleOrganization = "MOME Node project"
    return item
