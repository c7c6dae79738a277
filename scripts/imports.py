"""Reads the imports of our own modules. The layer tests and the architecture picture both use it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

# The layers from the bottom to the top. A package imports lower layers only, so packages of one layer stay apart.
LAYERS = (
    ("core",),
    ("present",),
    ("fs", "lazy_py_ecc"),
    ("net", "config", "db", "http"),
    ("ledger", "storage", "wallets"),
    ("vault", "notary"),
    ("client",),
    ("brand", "market", "insights", "bridges", "web"),
    ("devnet", "demo"),
    ("cli",),
)
HEIGHT = {package: height for height, layer in enumerate(LAYERS) for package in layer}


class Import(NamedTuple):
    """One imported module; ``eager`` unless it is inside a function or only for the type checker."""

    module: str
    line: int
    eager: bool


def files(folder: str) -> list[Path]:
    """Return the Python files below a folder of the checkout, sorted."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)


def name_of(path: Path) -> str:
    """Return the module's full name, such as ``registry.core.codec``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@lru_cache
def tree_of(path: Path) -> ast.Module:
    """Return the parsed source of a file."""
    return ast.parse(path.read_text("utf-8"), str(path))


@lru_cache
def modules() -> dict[str, Path]:
    """Return every module of the package by its full name."""
    return {name_of(path): path for path in files("registry")}


def imports_of(path: Path) -> list[Import]:
    """Return all imports of a file, also those inside functions."""
    return list(imports_in(tree_of(path), True, name_of(path), path.name == "__init__.py"))


def imports_in(node: ast.AST, eager: bool, inside: str, is_package: bool) -> Iterator[Import]:
    """Yield the imports below a node of the module ``inside``."""
    for child in ast.iter_child_nodes(node):
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_type_checking(child)
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, eager) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = _base(child, inside, is_package)
            for alias in child.names:
                full = f"{base}.{alias.name}"
                yield Import(full if full in modules() else base, child.lineno, eager)
        else:
            yield from imports_in(child, eager and not later, inside, is_package)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _base(node: ast.ImportFrom, inside: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = inside.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def package_of(module: str) -> str:
    """Return ``core`` for ``registry.core.codec``, and "" for a module that is not in a package of ours."""
    parts = module.split(".")
    return parts[1] if parts[0] == "registry" and len(parts) > 1 else ""


def may_import(importer: str, imported: str) -> bool:
    """Return whether one module of ours may import another."""
    mine, other = package_of(importer), package_of(imported)
    return mine == other or HEIGHT[other] < HEIGHT[mine]


def package_imports() -> dict[str, set[str]]:
    """Return each package that exists with the other packages that it imports."""
    found: dict[str, set[str]] = {}
    for name, path in modules().items():
        if package := package_of(name):
            others = {package_of(imported.module) for imported in imports_of(path)} - {package, ""}
            found.setdefault(package, set()).update(others)
    return found
