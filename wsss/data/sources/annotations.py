"""Annotations in XML as PASCAL VOC has them, one file per image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.system_errors import said_of


def read_annotation(path: Path, *, difficult: bool, missing: Callable[[], str] | None = None) -> tuple[str, ...] | None:
    """Read the names of the objects in an image; parts of objects are left out.

    Args:
        difficult: Whether objects marked `difficult` count.
        missing: Says what to do where there is no such file; None returns None for it.

    Raises:
        InputError: If the file is missing or damaged.
    """
    check_regular(path)
    try:
        tree = ElementTree.parse(path)
    except FileNotFoundError:
        if missing is None:
            return None
        raise InputError(f"{path}: no annotation of image `{path.stem}`; {missing()}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({said_of(error)}); correct or replace the file") from None
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the last two: encodings that are none
        raise InputError(f"{path}: not valid XML ({error}); replace the file") from None
    found = []
    for element in tree.iterfind("object"):
        mark = (element.findtext("difficult") or "0").strip()
        if mark not in ("0", "1"):
            raise InputError(f"{path}: `difficult` of an object is `{mark}`, expected 0 or 1; correct it")
        if difficult or mark == "0":
            found.append((element.findtext("name") or "").strip())
    return tuple(found)
