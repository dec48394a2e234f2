from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import wsss.config

PACKAGE = "wsss.config"
FILES = {
    PACKAGE if path.stem == "__init__" else f"{PACKAGE}.{path.stem}": path
    for path in Path(wsss.config.__file__).parent.glob("*.py")
}


def imported(path: Path) -> set[str]:
    """The modules of the package that a module imports, inside functions and for type checks too."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside if inside <= FILES.keys() else {node.module or ""}
    return found & FILES.keys()


def test_no_module_of_the_settings_imports_itself_by_a_detour():
    graph = {name: imported(path) for name, path in FILES.items()}
    assert "wsss.config.base" in graph["wsss.config.run"]
    assert "wsss.config.run" in graph["wsss.config.loading"]
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_no_function_of_the_settings_imports():
    for path in FILES.values():
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        inner = [node for function in functions for node in ast.walk(function)]
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in inner), path
