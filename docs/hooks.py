"""What the site needs beside the documents, which are to be read in the repository, too (mkdocs.yml).

Links that leave this folder become plain code, pages that are not there leave the navigation, the tutorial becomes a
page, and the page of the Python API lists what the packages offer.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = re.compile(r"\[([^]]+)\]\(((?:\.\./)+[^)#]+)(#[^)]*)?\)")
FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave pages out of the navigation that are not there."""
    config.nav = [entry for entry in map(_present(Path(config.docs_dir)), config.nav or []) if entry]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Make a page of the tutorial."""
    notebook = Path(config.docs_dir) / "tutorial.ipynb"
    if notebook.is_file():
        files.append(File.generated(config, "tutorial.md", content=notebook_page(notebook)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files outside of the documents into code, and those to the notebook into links to its page."""
    parts = FENCE.split(markdown)
    folder = posixpath.dirname(page.file.src_uri)
    # every second part is a block of code
    parts[::2] = [OUTSIDE.sub(lambda found: _as_code(found, folder), part) for part in parts[::2]]
    return "".join(parts).replace("(tutorial.ipynb)", "(tutorial.md)")


def notebook_page(notebook: Path) -> str:
    """Return the cells of a notebook as Markdown, without outputs."""
    blocks = ["<!-- made of tutorial.ipynb -->"]
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        blocks.append(f"```python\n{text}\n```" if cell["cell_type"] == "code" else text)
    return "\n\n".join(blocks) + "\n"


def _present(folder: Path) -> Any:
    def keep(entry: Any) -> Any:
        (title, what), *_ = entry.items()
        if isinstance(what, list):
            kept = [inner for inner in map(keep, what) if inner]
            return {title: kept} if kept else None
        made = what == "tutorial.md" and (folder / "tutorial.ipynb").is_file()
        return entry if made or (folder / what).is_file() else None

    return keep


def _as_code(found: re.Match[str], folder: str) -> str:
    """Return a link as code; one that stays within the documents stays."""
    text, target, anchor = found.group(1), found.group(2), found.group(3) or ""
    path = posixpath.normpath(posixpath.join("docs", folder, target))
    if path.startswith("docs/"):
        return found.group(0)
    return text if text.startswith("`") else f"{text} (`{path}{anchor}`)"
