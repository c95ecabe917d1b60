"""How DICOM encodes a data set (PS3.5 section 7): VRs, delimiters and element headers, once for all who read bytes.

`raw` reads headers of files, `part10` checks what arrives, `dicom_io.network.dimse` speaks command sets.
"""

from __future__ import annotations

import struct

LONG_VRS = {vr: vr.decode() for vr in b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()}  # length of 4 bytes
SHORT_VRS = {vr: vr.decode() for vr in b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()}
BINARY_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}  # as struct

EXPLICIT_HEADER = struct.Struct("<HH2sH")  # group, element, VR, length (or two reserved bytes before a long one)
IMPLICIT_HEADER = struct.Struct("<HHI")  # group, element, length; also of items, delimiters and command sets
LONG_LENGTH = struct.Struct("<I")
SHORT_HEADER_BYTES, LONG_HEADER_BYTES = 8, 12  # in front of a value
UNDEFINED_LENGTH = 0xFFFFFFFF

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
ITEM_GROUP = 0xFFFE  # its elements have no VR, in explicit files either
FIRST_PIXEL_TAG, PIXEL_DATA = 0x7FE00008, 0x7FE00010  # Float and Double Float Pixel Data come before Pixel Data

PREAMBLE_BYTES = 128  # before "DICM" (PS3.10 7.1)
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
