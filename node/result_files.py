"""The result objects of one study as files in a folder, named by kind."""

from __future__ import annotations

from pathlib import Path

from sr_templates.build import ResultObjects, encode
from sr_templates.drawing.capture import picture_of
from sr_templates.kinds import Kind
from sr_templates.objects.summary import to_png

_SUMMARY_PNG = "summary.png"


def write_result_files(objects: ResultObjects, out: Path) -> tuple[Path, ...]:
    """Write KIND.dcm, or KIND-001.dcm ... of a kind with several instances, and the summary as a picture too."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, instances in objects.by_kind.items():
        for number, each in enumerate(instances, start=1):
            written.append(out / (f"{kind}.dcm" if len(instances) == 1 else f"{kind}-{number:03d}.dcm"))
            written[-1].write_bytes(encode(each))
        if kind is Kind.SUMMARY:
            written.append(out / _SUMMARY_PNG)
            written[-1].write_bytes(to_png(picture_of(instances[0])))
    return tuple(written)
