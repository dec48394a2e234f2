"""Which code of this package a stage runs, as a short digest: a stage is out of date when its code has changed.

The modules are found without importing any: the stage's own, and all that they import inside `wsss`, in functions
too. A name that a package re-exports leads to the module that defines it, not to everything in the package. Comments,
docstrings and layout do not count. What changes no result is left out.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PACKAGE = "wsss"
LEFT_OUT = (
    "wsss.cli",
    "wsss.code_digest",
    "wsss.config",  # a stage's settings are compared themselves
    "wsss.context",
    "wsss.errors",
    "wsss.plan",
    "wsss.progress",
    "wsss.viewer",
)
"""Modules and packages that change no result; neither they nor what they import counts."""


@dataclass
class _Module:
    """What a source file says about itself.

    Attributes:
        digest: Of its code.
        imports: Pairs of module and name; the name is empty where the module is imported whole.
        defines: Names that it gives a value itself.
        reexports: Names that it takes from elsewhere, with the pair of module and name that they stand for.
    """

    digest: str
    imports: list[tuple[str, str]] = field(default_factory=list)
    defines: set[str] = field(default_factory=set)
    reexports: dict[str, tuple[str, str]] = field(default_factory=dict)


def code_digest(stage: str, root: Path | None = None) -> str:
    """The digest of the code that a stage uses.

    Args:
        stage: Name of the stage, and of its module in `wsss.stages`.
        root: Folder of the package; None takes the one that is running.
    """
    source = _Source(root or Path(__file__).parent)
    digest = hashlib.blake2b(digest_size=8)
    for name in source.closure(f"{PACKAGE}.stages.{stage}"):
        digest.update(f"{name} {source.module(name).digest}\n".encode())
    return digest.hexdigest()


def stage_modules(stage: str, root: Path | None = None) -> list[str]:
    """The modules whose code makes up a stage, sorted."""
    return _Source(root or Path(__file__).parent).closure(f"{PACKAGE}.stages.{stage}")


@dataclass(frozen=True)
class _Source:
    """The source files of the package below a folder."""

    root: Path

    def closure(self, start: str) -> list[str]:
        """The modules that a module leads to, itself among them."""
        found: set[str] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in found or _left_out(name):
                continue
            found.add(name)
            for target, attribute in self.module(name).imports:
                waiting += self.resolve(target, attribute)
        return sorted(found)

    def resolve(self, module: str, name: str, seen: frozenset[tuple[str, str]] = frozenset()) -> list[str]:
        """The modules that hold what `from MODULE import NAME` gives; without a name, what the module holds itself."""
        if self.path(module) is None or (module, name) in seen or (_left_out(module) and module != PACKAGE):
            return []
        if name and self.path(f"{module}.{name}") is not None:
            return [f"{module}.{name}"]
        content = self.module(module)
        seen |= {(module, name)}
        if name in content.reexports and name not in content.defines and self.is_package(module):
            return self.resolve(*content.reexports[name], seen)
        if not self.is_package(module) or name in content.defines:
            return [module]
        # the package as a whole, by a name that cannot be followed
        whole = [target for pair in content.reexports.values() for target in self.resolve(*pair, seen)]
        return [module, *whole]

    def path(self, module: str) -> Path | None:
        """The file of a module, None when there is no such module."""
        return _path(self.root, module)

    def is_package(self, module: str) -> bool:
        """Whether a module is a package."""
        path = self.path(module)
        return path is not None and path.name == "__init__.py"

    def module(self, name: str) -> _Module:
        """What a module's source says; read again when the file has changed."""
        path = self.path(name)
        assert path is not None, name
        status = path.stat()
        return _read(self.root, name, status.st_mtime_ns, status.st_size)


def _left_out(module: str) -> bool:
    # the package's own `__init__` holds its version, which changes with every release
    return module == PACKAGE or any(module == name or module.startswith(f"{name}.") for name in LEFT_OUT)


@cache
def _path(root: Path, module: str) -> Path | None:
    if (module != PACKAGE and not module.startswith(f"{PACKAGE}.")) or ".." in module:
        return None
    stem = root.joinpath(*module.split(".")[1:])
    for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
        if path.is_file():
            return path
    return None


@cache
def _read(root: Path, name: str, _modified: int, _size: int) -> _Module:
    path = _path(root, name)
    assert path is not None, name
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    _strip_docstrings(tree)
    module = _Module(hashlib.blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest())
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            module.imports += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, package)
            for alias in node.names:
                attribute = "" if alias.name == "*" else alias.name
                module.imports.append((source, attribute))
                module.reexports[alias.asname or alias.name] = (source, attribute)
        elif isinstance(node, ast.Dict):
            for key, target in _module_table(node, package, root, bare=package == name):
                module.reexports.setdefault(key, (target, key))
                module.imports.append((target, key))
    module.defines = set(_defined(tree))
    return module


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, but not what is imported for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield other
                yield from _statements(other)
            continue
        yield child
        yield from _statements(child)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _module_table(node: ast.Dict, package: str, root: Path, *, bare: bool) -> Iterator[tuple[str, str]]:
    """Name and module of the entries of a table for lazy imports.

    A module is written `wsss.ops.cams`, or `.cams` below the package; in the package's own file (`bare`) also `cams`.
    """
    for key, value in zip(node.keys, node.values, strict=True):
        texts = [item.value if isinstance(item, ast.Constant) else None for item in (key, value)]
        if not all(isinstance(text, str) for text in texts):
            continue
        name, target = str(texts[0]), str(texts[1])
        candidates = [f"{package}{target}"] if target.startswith(".") else [target]
        candidates += [f"{package}.{target}"] if bare else []
        yield from ((name, candidate) for candidate in candidates if _path(root, candidate) is not None)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _strip_docstrings(tree: ast.AST) -> None:
    """Removes texts that stand as statements: docstrings, of attributes too."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [child for child in body if not _is_text(child)]  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


__all__ = ["LEFT_OUT", "code_digest", "stage_modules"]
