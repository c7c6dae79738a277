"""The rules of docs/architecture.md: imports point downwards, adapters keep their libraries, files stay small."""

from __future__ import annotations

import ast

import pytest

from scripts.imports import (
    HEIGHT,
    ROOT,
    files,
    imports_in,
    imports_of,
    may_import,
    modules,
    name_of,
    package_of,
    tree_of,
)

MAX_LINES_OF_A_FILE = 300
MAX_LINES_OF_A_FUNCTION = 40

# The notary must not import these, directly or through others, because it must never see a statement.
UNSEEN_BY_THE_NOTARY = (
    "registry.core.statements",
    "registry.core.notices",
    "registry.core.evidence",
    "registry.core.verify",
    "registry.vault",
    "registry.present",
    "registry.client",
    "registry.wallets",
)

# Each library with the packages that may import it. Other libraries are free, except for the core.
ONLY_IN = {
    "web3": {"ledger"},
    "eth": {"ledger"},
    "eth_tester": {"ledger"},
    "eth_account": {"wallets", "ledger", "lazy_py_ecc"},
    "ipfshttpclient": {"storage"},
    "sqlite3": {"ledger", "storage", "db"},
    "sqlcipher3": {"vault"},
    "sqlalchemy": {"db", "notary", "brand", "market"},
    "alembic": {"db", "notary", "brand", "market"},
    "psycopg": {"db"},
    "jinja2": {"present"},
    "jsonschema_rs": {"vault"},
    "zxcvbn": {"wallets"},
    "shamir_mnemonic": {"wallets"},
    "icalendar": {"vault"},
    "vobject": {"vault"},
    "typer": {"cli"},
    "rich": {"cli"},
    "click": {"cli"},
    "subprocess": {"fs", "devnet"},
    "fastapi": {"http", "notary", "brand", "market"},
    "uvicorn": {"http"},
    "sse_starlette": {"http", "notary", "brand"},
    "prometheus_client": {"http", "notary", "brand"},
}
# None of these opens a file, a socket or a process, or reads a clock or the environment.
ALLOWED_IN_CORE = {
    "__future__", "base64", "binascii", "bisect", "collections", "dataclasses", "datetime", "enum", "functools",
    "hashlib", "hmac", "io", "itertools", "json", "math", "operator", "re", "secrets", "struct", "types", "typing",
    "unicodedata", "Crypto", "coincurve", "cryptography", "eth_keys", "eth_utils", "gmpy2", "msgspec",
    "rfc8785", "sha3", "zlib",
}  # fmt: skip


FOR_TYPES_ONLY = {"typing_extensions"}
# Reads one file, which ships with the package and never changes, as an import does.
READS_ITS_TABLES = "registry.core.notices.unicode"


def is_private(module: str) -> bool:
    """Return whether a part of the name begins with an underscore, as in ``registry.core._codec``."""
    return any(part.startswith("_") and not part.startswith("__") for part in module.split("."))


def seen_from(start: str, imports: dict[str, set[str]]) -> set[str]:
    """Return all modules that ``start`` imports, directly or through others."""
    seen, left = set[str](), [start]
    while left:
        found = imports.get(left.pop(), set()) - seen
        seen |= found
        left += found
    return seen


INSIDE = [name for name in modules() if package_of(name) in HEIGHT]


@pytest.mark.parametrize("name", INSIDE)
def test_imports_point_downwards(name: str) -> None:
    ours = [one for one in imports_of(modules()[name]) if one.module.split(".")[0] == "registry"]
    wrong = [one for one in ours if package_of(one.module) not in HEIGHT or not may_import(name, one.module)]
    assert wrong == []


@pytest.mark.parametrize("name", INSIDE)
def test_private_modules_stay_in_their_package(name: str) -> None:
    others = [one for one in imports_of(modules()[name]) if package_of(one.module) not in ("", package_of(name))]
    assert [one for one in others if is_private(one.module)] == []


def test_the_notary_sees_no_statement() -> None:
    imports = {name: {one.module for one in imports_of(path)} for name, path in modules().items()}
    for name in (name for name in INSIDE if package_of(name) == "notary"):
        assert [one for one in seen_from(name, imports) if one.startswith(UNSEEN_BY_THE_NOTARY)] == []


@pytest.mark.parametrize("name", list(modules()))
def test_libraries_stay_in_their_packages(name: str) -> None:
    for one in imports_of(modules()[name]):
        library = one.module.split(".")[0]
        assert package_of(name) in ONLY_IN.get(library, {package_of(name)}), one


@pytest.mark.parametrize("name", [name for name in INSIDE if package_of(name) == "core"])
def test_the_core_imports_nothing_that_does_io(name: str) -> None:
    imported = [(one.module.split(".")[0], one.eager) for one in imports_of(modules()[name])]
    libraries = {library for library, eager in imported if eager or library not in FOR_TYPES_ONLY}
    tables = {"importlib"} if name == READS_ITS_TABLES else set()
    assert libraries - {"registry"} <= ALLOWED_IN_CORE | tables


@pytest.mark.parametrize("name", [name for name in INSIDE if package_of(name) == "core"])
def test_the_core_opens_nothing(name: str) -> None:
    called = [node.func for node in ast.walk(tree_of(modules()[name])) if isinstance(node, ast.Call)]
    names = {func.id for func in called if isinstance(func, ast.Name)}
    assert not names & {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
    assert not {func.attr for func in called if isinstance(func, ast.Attribute)} & {"now", "utcnow", "today"}


def test_every_package_has_a_layer() -> None:
    inert = {"artifacts", "data", "__pycache__"}
    packages = {path.name for path in (ROOT / "registry").iterdir() if path.is_dir()} - inert
    packages |= {path.stem for path in (ROOT / "registry").glob("*.py")} - {"__init__", "__main__"}
    assert packages <= HEIGHT.keys()
    assert {"core", "ledger", "storage", "wallets", "vault", "client", "cli"} <= packages
    for folder in ("artifacts", "data"):
        assert list((ROOT / "registry" / folder).rglob("*.py")) == []


def test_coroutines_of_tests_run_in_a_thread_of_their_own() -> None:
    """A browser's tests leave a loop running in the thread of all tests, and there ``asyncio.run`` fails."""
    call, own = "asyncio" + ".run(", ROOT / "tests" / "support" / "loops.py"
    files = [path for path in (ROOT / "tests").rglob("*.py") if call in path.read_text()]
    assert [path.name for path in files if path != own] == [], "use in_a_loop of tests/support/loops.py"


def test_there_are_no_import_cycles() -> None:
    eager = {name: {one.module for one in imports_of(path) if one.eager} for name, path in modules().items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name not in done:
            for other in sorted(eager.get(name, set()) & eager.keys()):
                visit(other, (*above, name))
            done.add(name)

    for name in eager:
        visit(name, ())


@pytest.mark.parametrize("folder", ["registry", "scripts"])
def test_files_are_short(folder: str) -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in files(folder)}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES_OF_A_FILE} == {}


@pytest.mark.parametrize("folder", ["registry", "scripts"])
def test_functions_are_short(folder: str) -> None:
    long = []
    for path in files(folder):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # A command's signature is its table of options, so only its body counts.
                start = node.body[0].lineno - 1 if package_of(name_of(path)) == "cli" else node.lineno
                lines = (node.end_lineno or 0) - start + 1 - _docstring_lines(node)
                long += [f"{name_of(path)}.{node.name}: {lines}"] if lines > MAX_LINES_OF_A_FUNCTION else []
    assert long == []


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return 0
    return (first.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("name", [name for name in INSIDE if "._" not in name])
def test_every_public_name_has_a_docstring(name: str) -> None:
    tree = tree_of(modules()[name])
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            is_error = name == "registry.core.errors"
            assert ast.get_docstring(node) or is_error, f"{name}.{node.name} has no docstring"


class TestTheseRules:
    """The rules refuse wrong imports, so the tests above can fail."""

    @pytest.mark.parametrize(
        ("importer", "imported", "allowed"),
        [
            ("registry.cli.app", "registry.core.codec", True),
            ("registry.core.codec", "registry.core.errors", True),
            ("registry.core.codec", "registry.client.home", False),
            ("registry.core.codec", "registry.fs.files", False),
            ("registry.core.codec", "registry.present.summary", False),
            ("registry.client.home", "registry.cli.app", False),
            ("registry.ledger.embedded", "registry.fs.files", True),
            ("registry.ledger.embedded", "registry.storage.sqlite_store", False),
            ("registry.ledger.rpc", "registry.wallets.keystore", False),
            ("registry.vault.vault", "registry.notary.batches", False),
            ("registry.vault.vault", "registry.client.home", False),
            ("registry.vault.vault", "registry.storage.base", True),
            ("registry.brand.inbox", "registry.market.board", False),
            ("registry.brand.inbox", "registry.client.verify", True),
        ],
    )
    def test_directions(self, importer: str, imported: str, allowed: bool) -> None:
        assert may_import(importer, imported) is allowed

    def test_indirect_imports_are_seen(self) -> None:
        imports = {"a": {"b"}, "b": {"c", "a"}, "c": {"d"}}
        assert seen_from("a", imports) == {"a", "b", "c", "d"}
        assert seen_from("d", imports) == set()

    def test_private_modules_are_seen(self) -> None:
        assert is_private("registry.net._wire") and is_private("registry._net.wire")
        assert not is_private("registry.net.wire") and not is_private("registry.__main__")

    def test_imports_of_every_form_are_seen(self) -> None:
        lines = ("import a.b", "from registry.core import codec", "def f():", "    from c import d")
        source = "\n".join((*lines, "if TYPE_CHECKING:", "    import e"))
        found = list(imports_in(ast.parse(source), True, "registry.cli.app", False))
        assert [(one.module, one.eager) for one in found] == [
            ("a.b", True),
            ("registry.core.codec", True),
            ("c", False),
            ("e", False),
        ]

    def test_relative_imports_are_seen(self) -> None:
        found = imports_in(ast.parse("from . import codec\nfrom ..client import home"), True, "registry.core.x", False)
        assert [one.module for one in found] == ["registry.core.codec", "registry.client.home"]
