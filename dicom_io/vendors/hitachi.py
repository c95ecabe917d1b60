"""Hitachi, now Fujifilm: no habit of its own is known; no real breast dynamic of it has been seen."""

from __future__ import annotations

from dicom_io.vendors.base import Vendor, VendorProfile

HITACHI = VendorProfile(Vendor.HITACHI, manufacturers=("HITACHI", "FUJIFILM"))
