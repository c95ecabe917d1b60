"""What the node accepts and what it offers: SOP classes and transfer syntaxes, in one place."""

from __future__ import annotations

from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StorageCommitmentPushModel,
    Verification,
)

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
# Deflated and big endian are not offered (spec/reliability.md 2.1); lossy syntaxes are no input for a measurement.
LOSSLESS = (JPEGLosslessSV1, JPEGLossless, JPEGLSLossless, JPEG2000Lossless, RLELossless)


def acceptor_contexts() -> list[PresentationContext]:
    """Verification, every storage class, and reports of storage commitment, for which the caller is the SCP.

    A modality that has one instance refused may fail its whole transfer, so no storage class is left out.
    """
    storage = [str(each.abstract_syntax) for each in AllStoragePresentationContexts]
    reports = build_context(StorageCommitmentPushModel, list(NATIVE))
    reports.scu_role, reports.scp_role = True, True
    verification = build_context(Verification, list(NATIVE))
    return [verification, reports, *(build_context(uid, [*NATIVE, *LOSSLESS]) for uid in storage)]
