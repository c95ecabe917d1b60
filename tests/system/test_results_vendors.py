"""Result objects of every vendor's layout, judged by outside validators, and kept unchanged by real archives."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from io import BytesIO
from pathlib import Path

import pytest
from dicomweb_client import DICOMwebClient
from pydicom import dcmread

import orthanc
from dicom_io.phantom.options import StudyOptions, Trap
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.vendors import LAYOUTS
from phantom_results import DEVICE, AnsweredStudy, answered_study
from places import BIN, ROOT
from running_node import dcmtk
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.kinds import OFFERED_KINDS

REFEREE = ROOT.parent / "shared" / "tools" / "check_outputs.sh"
ENVIRONMENT = {"PYTHON": str(BIN / "python"), "VALIDATE_IODS": str(BIN / "validate_iods"), "REQUIRE_ALL": "1",
               "DV_STD": str(ROOT / "dvstd"), "DV_EDITION": "2020a"}  # fmt: skip
SPEC = PhantomSpec(seed=5, post_phases=2)
SHORT_OF = [
    tool
    for tool in ("dciodvfy", "dcentvfy", "dsrdump", "java", "dcmsend", "storescp")
    if not (shutil.which(tool) or dcmtk(tool))
]

pytestmark = pytest.mark.system
ALL_LAYOUTS = [
    pytest.param(vendor, layout, id=f"{vendor} {layout}") for vendor in LAYOUTS for layout in LAYOUTS[vendor]
]


def objects_of(study: AnsweredStudy) -> ResultObjects:
    return build_objects(study.result, study.evidence, DEVICE, options=ObjectOptions(OFFERED_KINDS))


def save(folder: Path, objects: ResultObjects) -> Path:
    folder.mkdir()
    for number, instance in enumerate(objects):
        (folder / f"{instance.SeriesNumber}-{number:03d}.dcm").write_bytes(encode(instance))
    return folder


def side_by_side(folder: Path, paths: list[Path]) -> Path:
    """The files of the study in one folder, as the referee wants them."""
    folder.mkdir()
    for number, path in enumerate(paths):
        shutil.copy(path, folder / f"{number:05d}.dcm")
    return folder


@pytest.mark.skipif(not REFEREE.exists(), reason="shared/tools/check_outputs.sh is not beside this repository")
@pytest.mark.skipif(bool(SHORT_OF), reason=f"not installed: {', '.join(SHORT_OF)}")
@pytest.mark.skipif(not (ROOT / "dvstd").exists(), reason="dvstd is missing: check_outputs.sh --dv-cache dvstd")
@pytest.mark.parametrize(("vendor", "layout"), ALL_LAYOUTS)
def test_no_validator_finds_an_error(vendor: str, layout: str, tmp_path: Path) -> None:
    options = StudyOptions(traps=frozenset({Trap.MISSING_ACCESSION}))
    study = answered_study(SPEC, vendor, layout, tmp_path / "received", options)
    folders = [save(tmp_path / "results", objects_of(study))]
    if all("PerFrameFunctionalGroupsSequence" not in header for header in study.evidence.instances):
        # the referee reads planes of classic images only; those of Enhanced MR the gate has compared
        folders.append(side_by_side(tmp_path / "study", list(study.paths)))
    verdict = subprocess.run(
        [REFEREE, *folders], env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False
    )
    problems = [line for line in verdict.stdout.splitlines() if not line.startswith("WARN")]
    assert verdict.returncode == 0, "\n".join(problems)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> ResultObjects:
    return objects_of(answered_study(SPEC, "siemens", "series-per-phase", tmp_path_factory.mktemp("received")))


@pytest.mark.skipif(not orthanc.available(), reason="Orthanc is not installed")
@pytest.mark.skipif(not dcmtk("dcmsend"), reason="dcmsend (DCMTK) is not installed")
def test_orthanc_takes_every_object_by_c_store_and_gives_it_back_unchanged(
    objects: ResultObjects, tmp_path: Path
) -> None:
    files = save(tmp_path / "results", objects)
    with orthanc.running() as server:
        send = [
            str(dcmtk("dcmsend")),
            "-v",
            "+sd",
            "127.0.0.1",
            str(server.dicom_port),
            "-aec",
            server.ae_title,
            str(files),
        ]
        subprocess.run(send, check=True, capture_output=True)
        for instance in objects:
            (found,) = server.find("Instance", {"SOPInstanceUID": str(instance.SOPInstanceUID)})
            assert dcmread(BytesIO(server.file(found["ID"]))) == dcmread(BytesIO(encode(instance)))


@pytest.mark.skipif(not orthanc.available(), reason="Orthanc is not installed")
@pytest.mark.skipif(not orthanc.DICOMWEB_PLUGIN.exists(), reason="the DICOMweb plugin of Orthanc is not installed")
def test_orthanc_takes_every_object_by_stow_rs_and_gives_it_back_unchanged(objects: ResultObjects) -> None:
    with orthanc.running() as server:
        client = DICOMwebClient(f"{server.url}/dicom-web")
        client.store_instances([dcmread(BytesIO(encode(instance))) for instance in objects])
        for instance in objects:
            uids = (instance.StudyInstanceUID, instance.SeriesInstanceUID, instance.SOPInstanceUID)
            assert client.retrieve_instance(*map(str, uids)) == dcmread(BytesIO(encode(instance)))


def wait_for(port: int) -> None:
    """Return when somebody listens."""
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")


@pytest.mark.skipif(not dcmtk("storescp"), reason="storescp (DCMTK) is not installed")
def test_dcmtk_takes_every_object_by_c_store(objects: ResultObjects, tmp_path: Path) -> None:
    files, stored = save(tmp_path / "results", objects), tmp_path / "stored"
    stored.mkdir()
    port = str(orthanc.free_port())
    with subprocess.Popen([str(dcmtk("storescp")), "-od", str(stored), "--accept-all", "-pm", port]) as receiver:
        try:
            wait_for(int(port))
            send = [str(dcmtk("dcmsend")), "+sd", "-to", "10", "127.0.0.1", port, str(files)]
            subprocess.run(send, check=True, capture_output=True, timeout=60)
        finally:
            receiver.terminate()
    received = {read.SOPInstanceUID: read for read in map(dcmread, stored.iterdir())}
    assert all(received[each.SOPInstanceUID] == dcmread(BytesIO(encode(each))) for each in objects)
