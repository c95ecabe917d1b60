"""docs/paper.md and its pictures, from the figures and the page of one run.

What the paper reports of patients stands in a column of its own, as its text gives it; every other number is of this
run's phantoms.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageChops

WIDTH, SCALE, COLOURS = 1180, 1.25, 255
TALLEST = 6000
SECTIONS = {
    "patients": "patients",
    "readers": "readers",
    "discrimination": "discrimination",
    "groups": "groups-of-patients",
    "bi-rads-4": "bi-rads-4",
    "decisions": "decision-curves",
    "missing": "missing-modalities",
    "contributions": "contributions-of-the-modalities",
    "reliability": "reliability",
}
"""Name of each picture, and the section of the page that it shows."""

TITLES = {"bi-rads-4": "BI-RADS 4", "groups": "Groups of patients", "decisions": "Decision curves"}
TITLES |= {"missing": "Missing modalities"}

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure or table of the paper, what the paper says, and what the run says."""

    place: str
    what: str
    paper: str
    here: Callable[[Report], str]
    picture: str = ""


def auroc_of(number: int) -> Callable[[Report], str]:
    """AUROC of the first model on one set."""
    return lambda report: _interval(report["sets"][number]["models"][0]["figures"]["auroc"])


def _interval(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _patients(report: Report) -> str:
    return ", ".join(f"{each['set']}: {each['cases']} measured of {each['flow']['listed']}" for each in report["sets"])


def _readers(report: Report) -> str:
    model = report["sets"][0]["models"][0]["figures"]["f1"]["value"]
    readers = sorted(each["of_reader"]["f1"]["value"] for each in report["sets"][0]["readers"])
    return f"F1 {model:.2f}; six simulated readers {readers[0]:.2f} to {readers[-1]:.2f}"


def _against(report: Report) -> str:
    others = [each for each in report["sets"][0]["models"][1:] if each["against"]]
    if not others:
        return "not trained in this run"
    gaps = (f"{each['model']} {each['against']['auroc']['difference']['value']:+.3f}" for each in others)
    return f"AUROC less that of the demo model: {', '.join(gaps)}"


def _alone(report: Report) -> str:
    found = report["sets"][0]["models"][0]["coalitions"]
    return _interval(next(each for each in found if each["modalities"] == "DCE")["figures"]["auroc"])


def _spared(report: Report) -> str:
    """On the second set, the point chosen on the validation cases of the first."""
    said = []
    for model in report["sets"][1]["models"]:
        point = (model["bi_rads_4"] or {}).get("downgrade")
        if point:
            spared, missed = point["spared"], point["missed"]
            counts = f"{spared['count']} of {spared['of']} benign spared, {missed['count']} of {missed['of']} cancers"
            said.append(f"{model['model']}: {counts} missed")
    return "; ".join(said) or "no operating point could be chosen"


def _shares(report: Report) -> str:
    shares = report["sets"][0]["models"][0]["contributions"]
    parts = (f"{name} {100 * each['negative']:+.0f} / {100 * each['positive']:+.0f}" for name, each in shares.items())
    return f"points, negative / positive cases: {', '.join(parts)}"


def _groups(report: Report) -> str:
    found = [each["figures"]["auroc"]["value"] for each in report["sets"][0]["groups"] if each["figures"]]
    counted = f"{len(found)} of {len(report['sets'][0]['groups'])} groups are large enough"
    return f"{counted}: AUROC {min(found):.2f} to {max(found):.2f}" if found else counted


def _nothing(report: Report) -> str:
    return "none: a phantom has neither subtype nor treatment; `train --endpoint` trains both"


ROWS = (
    Row("Fig. 1, Table 1", "who was examined, who fell out", "5,205 patients", _patients, "patients"),
    Row("Fig. 2 a, b", "readers, positive from BI-RADS 4b", "6 readers, 200 examinations", _readers, "readers"),
    Row("Fig. 2 c-g", "internal test set, AUROC", "0.912", auroc_of(0), "discrimination"),
    Row("Fig. 3", "external test sets, AUROC", "0.899, 0.806", auroc_of(1), "discrimination"),
    Row("Fig. 2, Ext. Data", "other networks", "ResNet-34, fusions, BEiT-3, ablations", _against, "discrimination"),
    Row("Fig. 4", "groups of patients", "AUROC, AUPRC, sensitivity, specificity", _groups, "groups"),
    Row("Table of missing sequences", "DCE alone, AUROC", "0.877 (0.886 over versions)", _alone, "missing"),
    Row("Fig. 5 m, n", "global Shapley values by class", "shown for malignant and benign", _shares, "contributions"),
    Row(
        "Fig. 6",
        "BI-RADS 4 at a point from other patients",
        "8 of 109 benign spared (7.3 %), no cancer missed; ResNet34-DCE and feature fusion: 0",
        _spared,
        "bi-rads-4",
    ),
    Row("Fig. 6 a-d", "decision curves", "net benefit", lambda report: "below", "decisions"),
    Row("Subtype, response", "AUROC", "triple-negative 0.709 +- 0.067, pCR 0.694", _nothing),
)

_HEAD = """# The paper's figures and tables, on phantoms

RESEARCH USE ONLY. Luo et al., *A large model for non-invasive and personalized management of breast cancer from
multiparametric MRI* (2025), measured on patients that nobody outside has. Neither its weights nor its data are
public, so nothing here repeats its results. What can be repeated is every analysis: one command makes two simulated
hospitals with six simulated readers, trains the networks to compare with, and measures them beside the shipped demo
model, which knows phantoms only:

    {command}

The column "paper, patients" is what the paper reports, never ours; the column "here, phantoms" is this run's. They say
nothing of each other. {cases} So few cases prove nothing, not even an interval from 1.000 to 1.000; the second hospital
takes a phase every 20 s, which the demo model has never seen. Without `--network` two networks of the comparison are
trained first (a ResNet-34 on DCE, a feature fusion), and every figure shows them beside the model.

| in the paper | what | paper, patients | here, phantoms | picture |
| --- | --- | --- | --- | --- |
"""

_TAIL = """
In words, as the page puts it on top: *{conclusion}*

Fig. 5 a-l (integrated gradients and local Shapley values of single patients) is what every study gets:
[explanation.md](explanation.md), and the [summary page](summary.png).

## Where the paper's analysis and ours differ

| | paper | here |
| --- | --- | --- |
| operating point | 0.5 | the bundle's, for each set of modalities, at a target sensitivity and its bound |
| intervals | 1,000 bootstrap draws | the same, of patients; p-values 2 (1 + k) / (1 + B) |
| five folds | epoch chosen on the fold that is reported | nested: the outer fold is scored once |
| cases | all that were scored | what the node would withhold is withheld and counted |
| BI-RADS 4 | chosen on one hospital, used on another | the same, with exact intervals |

## The pictures

Each shows its section of the page that `mome-node evaluate SET --report PAGE` writes ([training.md](training.md),
"Measure").
"""


def write_document(run: Path, docs: Path, command: str) -> None:
    """The document with the command that made it, and a picture of each section of the run's page under docs/paper."""
    report = json.loads((run / "figures.json").read_text("utf-8"))
    pictures = docs / "paper"
    pictures.mkdir(exist_ok=True)
    page = (run / "page.html").read_text("utf-8")
    shown = [name for name, section in SECTIONS.items() if f'<section id="{section}">' in page]
    for name in shown:
        photograph(_only(page, SECTIONS[name]), pictures / f"{name}.png")
    photograph(page, docs / "evaluation.png", tall=980)
    (docs / "paper.md").write_text(document_of(report, command, shown), "utf-8")


def document_of(report: Report, command: str, shown: list[str]) -> str:
    """The text of the document, with a heading for each picture."""
    lines = [
        f"| {row.place} | {row.what} | {row.paper} | {row.here(report)} | {_link(row.picture, shown)} |" for row in ROWS
    ]
    cases = " and ".join(f"{each['cases']} cases ({each['set']})" for each in report["sets"])
    text = _HEAD.format(command=command, cases=f"Measured: {cases}.") + "\n".join(lines) + "\n"
    text += _TAIL.format(conclusion=report["conclusion"])
    return text + "".join(
        f"\n### {TITLES.get(name, name.capitalize())}\n\n![{name}](paper/{name}.png)\n" for name in shown
    )


def _link(picture: str, shown: list[str]) -> str:
    return f"[{picture}](paper/{picture}.png)" if picture in shown else ""


def _only(page: str, section: str) -> str:
    """The page with one of its sections and nothing else."""
    head = page[: page.index("<body>")]
    found = re.search(rf'<section id="{section}">.*?</section>', page, re.DOTALL)
    return f"{head}<body><main style='padding-top:1rem'>{found[0] if found else ''}</main></body></html>"


def photograph(html: str, picture: Path, tall: int = TALLEST) -> None:
    """A picture of a page as a browser shows it, in light colours, without the empty rest below."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("pictures of the page need chromium")
    with TemporaryDirectory() as folder:
        source, raw = Path(folder, "page.html"), Path(folder, "page.png")
        source.write_text(html, "utf-8")
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={raw}"]
        words += [f"--window-size={WIDTH},{tall}", f"--force-device-scale-factor={SCALE}", source.as_uri()]
        subprocess.run([browser, *words], check=True, capture_output=True)
        image = Image.open(BytesIO(raw.read_bytes())).convert("RGB")
    background = Image.new("RGB", image.size, image.getpixel((0, image.height - 1)))
    box = ImageChops.difference(image, background).getbbox() or (0, 0, *image.size)
    cropped = image.crop((0, 0, image.width, min(image.height, box[3] + 12)))
    cropped.quantize(COLOURS).save(picture, optimize=True)
