"""Canon, formerly Toshiba: the b-value of older software stands in the image comments."""

from __future__ import annotations

import re

from dicom_io.encoding.elements import Elements
from dicom_io.vendors.base import Diffusion, Vendor, VendorProfile, standard_diffusion

_COMMENT = re.compile(r"\bb=(\d+(?:\.\d+)?)")  # b=1500(0.895,0.000,0.445)


def _diffusion(elements: Elements) -> Diffusion:
    """The standard b-value, or that of the comment; the b0 of Toshiba V5 has neither."""
    standard = standard_diffusion(elements)
    comment = _COMMENT.search(elements.text("ImageComments"))
    if standard.b_value is None and comment:
        return Diffusion(float(comment.group(1)), standard.direction, standard.gradient)
    return standard


CANON = VendorProfile(Vendor.CANON, manufacturers=("CANON", "TOSHIBA"), diffusion=_diffusion)
