"""Pulse sequences of the protocol, in the numbers that headers carry; they are those the signal was computed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PulseSequence:
    """One pulse sequence.

    Parameters
    ----------
    contrast
        AcquisitionContrast (0008,9209).
    kind
        MRAcquisitionType (0018,0023).
    inversion_ms
        Inversion time, None without inversion.
    """

    contrast: str
    kind: str
    tr_ms: float
    te_ms: float
    flip_degrees: float
    echo_train: int = 1
    gradient_echo: bool = False
    epi: bool = False
    fat_suppressed: bool = True
    inversion_ms: float | None = None

    def classic_attributes(self) -> dict[str, Any]:
        """The MR Image module's part (PS3.3 C.8.3.1) that all vendors write alike."""
        scanning = ["EP"] if self.epi else ["GR"] if self.gradient_echo else ["SE"]
        attributes: dict[str, Any] = {
            "ScanningSequence": [*scanning, "IR"] if self.inversion_ms else scanning,
            "SequenceVariant": ["SK", "SP"],
            "ScanOptions": ["FS"] if self.fat_suppressed else "",
            "MRAcquisitionType": self.kind,
            "RepetitionTime": f"{self.tr_ms:g}",
            "EchoTime": f"{self.te_ms:g}",
            "FlipAngle": f"{self.flip_degrees:g}",
            "EchoTrainLength": str(self.echo_train),
            "EchoNumbers": "1",
            "NumberOfAverages": "1",
            "PercentSampling": "100",
            "PercentPhaseFieldOfView": "100",
            "PixelBandwidth": "430",
            "InPlanePhaseEncodingDirection": "ROW",
            "AngioFlag": "N",
        }
        if self.inversion_ms:
            attributes["InversionTime"] = f"{self.inversion_ms:g}"
        return attributes


DYNAMIC = PulseSequence("T1", "3D", 4.6, 1.7, 10, gradient_echo=True)
T1 = PulseSequence("T1", "3D", 4.6, 1.7, 10, gradient_echo=True, fat_suppressed=False)
T2 = PulseSequence("T2", "2D", 5000, 80, 150, 15)
TIRM = PulseSequence("T2", "2D", 5000, 80, 150, 11, inversion_ms=230)
DIFFUSION = PulseSequence("DIFFUSION", "2D", 7600, 65, 90, 64, epi=True)
LOCALIZER = PulseSequence("T1", "2D", 8.6, 3.7, 20, gradient_echo=True, fat_suppressed=False)
TWO_ECHOES = PulseSequence("T1", "3D", 7.4, 2.4, 10, 2, gradient_echo=True, fat_suppressed=False)
