"""Another result object is one module of `objects/` and one row of `Kind`: here one is added, built, gated, encoded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from places import ROOT

ROW = '    POSTER = "poster", _SeriesLabel(9060, "AI poster", "OT", SecondaryCaptureImageStorage), "poster"\n'
MODULE = '''"""A dummy object: the summary page with its colours inverted."""

from __future__ import annotations

from sr_templates.context import BuildContext, Instances
from sr_templates.drawing.capture import put_picture
from sr_templates.kinds import Kind


def build(context: BuildContext) -> Instances:
    instance = context.common.new_instance(Kind.POSTER)
    put_picture(instance, 255 - context.page.pixels(), "Inverted summary page, research use only")
    return (instance,)
'''
BUILD = """
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import build_objects, decode, encode
from sr_templates.context import ObjectOptions
from sr_templates.kinds import OFFERED_KINDS, Kind

assert Kind.POSTER in OFFERED_KINDS
evidence = make_evidence(Layout())
options = ObjectOptions(frozenset({Kind.POSTER, Kind.REPORT}))
objects = build_objects(make_result(evidence), evidence, DEVICE, options=options)
(poster,) = objects.by_kind[Kind.POSTER]
read = decode(encode(poster))
assert read.SeriesDescription == "AI poster - research use only", read.SeriesDescription
listed = {e.value for e in objects.by_kind[Kind.REPORT][0].iterall() if e.keyword == "ReferencedSOPInstanceUID"}
assert read.SOPInstanceUID in listed
"""


def test_one_module_and_one_row_add_a_kind_of_object(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sr_templates", tmp_path / "sr_templates")
    kinds = tmp_path / "sr_templates" / "kinds.py"
    first_row = "    PDF = "
    kinds.write_text(kinds.read_text().replace(first_row, ROW + first_row, 1))
    (tmp_path / "sr_templates" / "objects" / "poster.py").write_text(MODULE)
    path = os.pathsep.join(map(str, (tmp_path, ROOT, ROOT / "tests" / "support")))
    built = subprocess.run(
        [sys.executable, "-c", BUILD],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
