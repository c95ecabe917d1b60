"""What an archive holds of one patient: her studies, and the instances of a series on the association that asks."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import Comprehensive3DSRStorage, MRImageStorage

import orthanc
import phantom
from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.patient_studies import documents_of, studies_of
from dicom_io.network.remote import RemoteAE
from dicom_io.network.retrieve import get_series
from ports import free_port


@pytest.mark.slow
@pytest.mark.skipif(not orthanc.available(), reason="needs Orthanc (apt-get install orthanc)")
def test_a_series_is_taken_from_a_real_archive(tmp_path: Path) -> None:
    path = phantom.study(tmp_path / "study", seed=4)[0]
    image = dcmread(path, stop_before_pixels=True)
    series = (str(image.StudyInstanceUID), str(image.SeriesInstanceUID))
    with orthanc.running({"us": ("US", "127.0.0.1", free_port())}) as pacs:
        remote = RemoteAE("pacs", pacs.ae_title, "127.0.0.1", pacs.dicom_port)
        pacs.keep(path.read_bytes())
        (taken,) = get_series("US", remote, series, (MRImageStorage,))
        assert dcmread(BytesIO(taken), force=True).SOPInstanceUID == image.SOPInstanceUID
        (held,) = studies_of("US", remote, str(image.PatientID), str(image.StudyDate))
        assert (held.study_instance_uid, held.moment[0]) == (series[0], image.StudyDate)
        assert studies_of("US", remote, "*", str(image.StudyDate)) == [], "a wildcard is no patient"
        assert studies_of("US", remote, str(image.PatientID), "19000101") == []
        assert list(documents_of("US", remote, series[0], "")) == [], "an image is no document"


def test_a_peer_that_is_not_there_is_told_as_such() -> None:
    gone = RemoteAE("gone", "GONE", "127.0.0.1", free_port())
    with pytest.raises(PeerUnreachable) as told:
        get_series("US", gone, ("1.2", "1.3"), (Comprehensive3DSRStorage,))
    assert told.value.fault is PeerFault.PORT_CLOSED
