"""The stored values of one instance, and nothing else of its pixel data: no bit, byte or comment beside them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dicom_io.errors import PixelsUnreadable
from dicom_io.headers.records import Instance
from dicom_io.pixels.compressed import DecoderProcess
from dicom_io.pixels.frames import Array, clear_unused_bits, stored_dtype
from dicom_io.pixels.native import read_native_frames, require_decodable


def read_stored(instance: Instance, decoder: Callable[[], DecoderProcess]) -> Array:
    """Stored values (frames, rows, columns), whose bits above and below the stored ones are cleared.

    They then fill the lowest `bits_stored` bits: High Bit is Bits Stored - 1 (PS3.5 8.1.1). `decoder` gives the process
    that decodes compressed ones. Raises PixelsUnreadable.
    """
    require_decodable([instance])
    if not instance.bits_stored <= instance.high_bit + 1 <= instance.bits_allocated:
        raise PixelsUnreadable("its Bits Stored and High Bit contradict each other")
    try:
        frames = np.empty((instance.frames, instance.rows, instance.columns), stored_dtype(instance))
    except MemoryError as error:
        raise PixelsUnreadable("its pixels do not fit into memory") from error
    if instance.offset is None:
        child = decoder()
        child.request(instance, range(instance.frames))
        for frame in frames:
            child.read_frame(frame)
    else:
        for _ in read_native_frames(instance, enumerate(frames)):
            pass
    clear_unused_bits(frames, instance)
    return frames
