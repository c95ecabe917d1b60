"""What can go wrong between a Result and its DICOM objects."""


class ObjectsError(Exception):
    """Base of this package's errors; the same inputs give the same error, so trying again cannot help."""

    retryable = False


class EvidenceRefused(ObjectsError):
    """The source images do not belong together, or do not fit the result that is said to come from them."""


class NotShowable(ObjectsError):
    """One kind of object cannot be made for this study; the others can. The message says why, for the reader."""


class ObjectRefused(ObjectsError):
    """A result object has a defect and must not be sent; the message names the object, the place and the rule."""
