"""The source code as data: modules, their public names, who uses what, and how long things are."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from places import ROOT

PACKAGES = ("mome_node", "node", "mome_core", "dicom_io", "sr_templates")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)
NAMED_IN_TEXT = re.compile(rf"\b((?:{'|'.join(PACKAGES)})(?:\.\w+)*)[.:](\w+)")


@dataclass(frozen=True)
class Module:
    """One source file; `name` is dotted."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def public_names(self) -> list[str]:
        """Functions, classes and constants at the top of the module that do not begin with an underscore."""
        names = [name for statement in self.tree.body for name in _defined(statement)]
        return [name for name in dict.fromkeys(names) if not name.startswith("_") and name != "log"]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))

    def classes(self) -> Iterator[str]:
        return (node.name for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def imports_in_functions(self) -> int:
        return len({each for function in self.functions() for each in ast.walk(function) if isinstance(each, IMPORTS)})


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, FUNCTIONS):
        registered = any(
            isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) for each in statement.decorator_list
        )
        return [] if registered else [statement.name]  # a route is used by its router
    if isinstance(statement, ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def modules(folder: Path = ROOT) -> list[Module]:
    """Every module of the four packages but the database's migrations."""
    paths = [path for package in PACKAGES for path in sorted((folder / package).rglob("*.py"))]
    return [Module(_dotted(path, folder), path) for path in paths if "migrations" not in path.parts]


def _dotted(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")


def used_names(folder: Path = ROOT) -> set[tuple[str, str]]:
    """(module, name) of everything that another file imports, reaches through a module, or names in a text.

    Tests, benchmarks, examples and documents count as other files.
    """
    ours = modules(folder)
    by_path, known = {each.path: each.name for each in ours}, {each.name for each in ours}
    others = [path for place in ("tests", "benchmarks", "examples") for path in (folder / place).rglob("*.py")]
    used: set[tuple[str, str]] = set()
    for path in [*by_path, *others]:
        text = path.read_text("utf-8")
        used |= _imported(ast.parse(text), known) | _named_in(text, known)
    for page in [folder / "setup.cfg", folder / "README.md", *(folder / "docs").glob("*.md")]:
        used |= _named_in(page.read_text("utf-8"), known)
    return used


def _imported(tree: ast.Module, known: set[str]) -> set[tuple[str, str]]:
    used, modules_by_alias = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                if f"{node.module}.{each.name}" in known:
                    modules_by_alias[each.asname or each.name] = f"{node.module}.{each.name}"
                else:
                    used.add((node.module, each.name))
        elif isinstance(node, ast.Import):
            modules_by_alias |= {each.asname or each.name: each.name for each in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            place = ast.unparse(node.value)
            used.add((modules_by_alias.get(place, place), node.attr))
        elif isinstance(node, ast.Call) and len(node.args) == 3 and isinstance(node.args[1], ast.Constant):
            used.add((modules_by_alias.get(ast.unparse(node.args[0]), ""), node.args[1].value))  # monkeypatch.setattr
    return used


def _named_in(text: str, known: set[str]) -> set[tuple[str, str]]:
    return {(module, name) for module, name in NAMED_IN_TEXT.findall(text) if module in known}


def edges(folder: Path = ROOT) -> dict[str, set[str]]:
    """Which module imports which of ours, imports inside functions and for type checking included."""
    known = {each.name for each in modules(folder)}
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules(folder):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for each in node.names:
                    whole = f"{node.module}.{each.name}"
                    found[module.name].add(whole if whole in known else node.module)
    return {name: {other for other in others if other in known and other != name} for name, others in found.items()}
