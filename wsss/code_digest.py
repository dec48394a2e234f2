"""Digest the code that a stage runs: a stage is out of date when its code has changed.

A job's code is the modules that it starts from, and all that they import inside `wsss`, in functions too. They are
found without importing any. A name that a package re-exports leads to the module that defines it, not to the whole
package. Comments, docstrings and layout do not count. Modules that change no result are left out.
"""

from __future__ import annotations

import ast
import hashlib
import json
import secrets
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "wsss"
LEFT_OUT = (
    "wsss.cli",
    "wsss.code_digest",
    "wsss.config",  # settings are compared by value
    "wsss.context",
    "wsss.errors",
    "wsss.outputs",  # what is refused has no result
    "wsss.pipeline",
    "wsss.plan",
    "wsss.progress",
    "wsss.protected",
    "wsss.stages.outputs",
    "wsss.viewer",
)
"""Modules and packages that change no result. They do not count, nor do their imports."""

Pair = tuple[str, str]
"""A module and a name in it; an empty name means the whole module."""


@dataclass
class _Module:
    """The facts of one source file that do not depend on other files.

    Attributes:
        digest: Digest of its code.
        imports: Modules and names that it imports.
        exports: Names that it takes from other modules, with their sources.
        tables: Entries of tables for lazy imports: a name, and its possible modules.
        defines: Names that it defines itself.
    """

    digest: str
    imports: list[Pair] = field(default_factory=list)
    exports: dict[str, Pair] = field(default_factory=dict)
    tables: list[tuple[str, list[str]]] = field(default_factory=list)
    defines: list[str] = field(default_factory=list)


def code_digests(
    starts: Iterable[tuple[str, ...]], root: Path | None = None, cache: Path | None = None
) -> dict[tuple[str, ...], str]:
    """Digest the code that each job uses.

    Args:
        starts: The modules that each job starts from (`wsss.pipeline.code`).
        root: Folder of the package; None takes the running one.
        cache: File that keeps the facts of each source, so that only changed sources are parsed again.

    Returns:
        The digest of each job.
    """
    source = _Source(root or Path(__file__).parent, _read_cache(cache))
    digests = {}
    for start in starts:
        digest = hashlib.blake2b(digest_size=8)
        for name in source.closure(*start):
            digest.update(f"{name} {source.module(name).digest}\n".encode())
        digests[start] = digest.hexdigest()
    if cache is not None and source.parsed:
        _write_cache(cache, source.modules)
    return digests


def code_modules(start: tuple[str, ...], root: Path | None = None) -> list[str]:
    """List the modules whose code a job uses, sorted."""
    return _Source(root or Path(__file__).parent).closure(*start)


class _Source:
    """The source files of the package below a folder.

    Args:
        root: The folder.
        known: Facts that earlier runs found, by name and content.

    Attributes:
        modules: Facts that this run found or took over, likewise.
        parsed: Whether any source had to be parsed.
    """

    def __init__(self, root: Path, known: dict[str, Any] | None = None) -> None:
        self.root, self.parsed = root, False
        self.modules: dict[str, _Module] = {}
        self._known = known or {}
        self._by_name: dict[str, _Module] = {}
        self._paths: dict[str, Path | None] = {}
        self._resolved: dict[Pair, list[str]] = {}

    def closure(self, *start: str) -> list[str]:
        """List some modules and all modules that they lead to."""
        found: set[str] = set()
        waiting = list(start)
        while waiting:
            name = waiting.pop()
            # what a job begins with counts even where others leave it out
            if name in found or (_left_out(name) and name not in start):
                continue
            found.add(name)
            module = self.module(name)
            pairs = [*module.imports, *((target, key) for key, targets in module.tables for target in targets)]
            for target, attribute in pairs:
                if (target, attribute) not in self._resolved:
                    self._resolved[target, attribute] = self.resolve(target, attribute)
                waiting += self._resolved[target, attribute]
        return sorted(found)

    def resolve(self, module: str, name: str, seen: frozenset[Pair] = frozenset()) -> list[str]:
        """List the modules that `from MODULE import NAME` leads to; without a name, all that MODULE leads to."""
        path = self.path(module)
        if path is None or (module, name) in seen or (_left_out(module) and module != PACKAGE):
            return []
        if name and self.path(f"{module}.{name}") is not None:
            return [f"{module}.{name}"]
        content = self.module(module)
        if path.name != "__init__.py" or name in content.defines:
            return [module]
        seen |= {(module, name)}
        exports = {key: [(target, key) for target in targets] for key, targets in content.tables}
        exports |= {key: [pair] for key, pair in content.exports.items()}
        if name in exports:
            return [target for pair in exports[name] for target in self.resolve(*pair, seen)]
        # the name cannot be followed, so the whole package counts
        return [module, *(found for pairs in exports.values() for pair in pairs for found in self.resolve(*pair, seen))]

    def path(self, module: str) -> Path | None:
        """Return the file of a module; None if the package has no such module."""
        if module not in self._paths:
            self._paths[module] = _path(self.root, module)
        return self._paths[module]

    def module(self, name: str) -> _Module:
        """Parse a module's source."""
        if name not in self._by_name:
            path = self.path(name)
            if path is None:
                raise ModuleNotFoundError(f"there is no module {name} in {self.root}")
            content = path.read_bytes()
            key = f"{name} {hashlib.blake2b(content, digest_size=16).hexdigest()}"
            if key in self._known:
                module = _Module(**self._known[key])
            else:
                module = _parse(content.decode(), name, is_package=path.name == "__init__.py")
                self.parsed = True
            self.modules[key] = self._by_name[name] = module
        return self._by_name[name]


@cache
def _left_out(module: str) -> bool:
    # the package's own `__init__` holds its version, which changes with every release
    return module == PACKAGE or any(module == name or module.startswith(f"{name}.") for name in LEFT_OUT)


def _path(root: Path, module: str) -> Path | None:
    parts = module.split(".")
    if parts[0] != PACKAGE or "" in parts:
        return None
    stem = root.joinpath(*parts[1:])
    candidates = (stem / "__init__.py", stem.with_name(f"{stem.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def _parse(source: str, name: str, *, is_package: bool) -> _Module:
    tree = ast.parse(source)
    package = name if is_package else name.rpartition(".")[0]
    statements = list(_statements(tree))  # comes before the digest, since it also changes the tree
    module = _Module(hashlib.blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest(), defines=_defined(tree))
    for node in statements:
        if isinstance(node, ast.Import):
            module.imports += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, package)
            for alias in node.names:
                pair = (origin, "" if alias.name == "*" else alias.name)
                module.imports.append(pair)
                module.exports[alias.asname or alias.name] = pair
    if is_package or f'"{PACKAGE}.' in source:
        tables = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
        module.tables = [entry for table in tables for entry in _entries(table, package, bare=is_package)]
    return module


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all statements, in functions too.

    Removes docstrings and the imports for type checkers from the tree.
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            children = getattr(node, name, None)
            if isinstance(children, list):
                children[:] = [child for child in children if not _is_text(child) and not _is_for_type_checkers(child)]
                waiting += children


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not node.orelse


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _entries(table: ast.Dict, package: str, *, bare: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield names and possible modules of a table for lazy imports.

    A module is written `wsss.ops.cams`, or `.cams` below the package; in the package's own file (`bare`) also `cams`.
    """
    for key, value in zip(table.keys, table.values, strict=True):
        texts = [item.value if isinstance(item, ast.Constant) else None for item in (key, value)]
        if all(isinstance(text, str) for text in texts):
            name, target = str(texts[0]), str(texts[1])
            yield (
                name,
                [f"{package}{target}"] if target.startswith(".") else [target, f"{package}.{target}"][: 1 + bare],
            )


def _defined(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(node.target.id)
    return found


def _cache_version() -> str:
    """Return the version of a cache: this very file, and Python's version, which decides how trees are written."""
    return f"{sys.version_info[:2]} {hashlib.blake2b(Path(__file__).read_bytes(), digest_size=8).hexdigest()}"


def _read_cache(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["modules"] if content["version"] == _cache_version() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_cache(path: Path, modules: dict[str, _Module]) -> None:
    content = {"version": _cache_version(), "modules": {key: asdict(module) for key, module in modules.items()}}
    # drawn, for jobs on several nodes may write it at once
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        return  # without a cache, each run only takes a fraction of a second longer


__all__ = ["LEFT_OUT", "code_digests", "code_modules"]
