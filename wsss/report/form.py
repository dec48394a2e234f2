"""The form of `metrics.json` and of the tables beside it, as far as pages and commands rely on it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.system_errors import said_of

Numbers = list[float | None]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Record(_Part):
    kind: Literal["saliency", "cams", "labels", "label_saliency", "predictions"]
    name: str
    split: str
    stage: str = ""
    model: str = ""
    protocol: str
    protocol_name: str = ""
    metrics: dict[str, float | None]
    classes: dict[str, Numbers] | None = None
    confusion: list[Numbers] | None = None
    settings: dict[str, Any] | None = None


class _Inputs(_Part):
    index: str | None = None
    saliency: str | None = None
    cams: str | None = None
    labels: dict[str, str] = {}
    predictions: dict[str, str] = {}
    fingerprints: dict[str, Any] = {}


class _Data(_Part):
    class_names: list[str]
    splits: dict[str, dict[str, Any]] = {}


class _Metrics(_Part):
    run: str
    variant: str | None = None
    seed: int | None = None
    inputs: _Inputs
    data: _Data
    evaluations: list[_Record]
    warnings: list[str] = []

    @model_validator(mode="after")
    def _as_many_as_classes(self) -> _Metrics:
        """Refuse lists over the classes that have another length."""
        count = len(self.data.class_names)
        for record in self.evaluations if count else ():
            for name, values in (record.classes or {}).items():
                if len(values) != count:
                    raise ValueError(f"{len(values)} numbers of `{name}` for {count} classes")
            matrix = record.confusion
            if matrix is not None and {len(matrix), *map(len, matrix)} != {count + 1}:
                raise ValueError(f"a confusion matrix that is not {count + 1} x {count + 1}")
        return self


def check_metrics(path: Path, content: dict[str, Any]) -> None:
    """Check the fields of a `metrics.json`; further ones may be there.

    Raises:
        InputError: Naming the first field that is missing or of another type.
    """
    try:
        _Metrics.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"`{place}`: {first['msg']}" if place else first["msg"]
        raise InputError(f"{path}: damaged ({what}); {_mend(path)}") from None


def read_rows(path: Path, *, delimiter: str = ",") -> list[dict[str, str]]:
    """Read the rows of a table that a stage wrote.

    Raises:
        InputError: If it cannot be read.
    """
    return list(rows_of(path, delimiter=delimiter))


def rows_of(path: Path, *, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Yield the rows of a table that a stage wrote, one in memory at a time.

    Raises:
        InputError: If it cannot be read.
    """
    check_regular(path)
    with whole_table(path), path.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle, delimiter=delimiter)


@contextmanager
def whole_table(path: Path) -> Iterator[None]:
    """Say that a table is damaged where its columns or numbers, used in the block, are not as they should be."""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({said_of(error)}); {_mend(path)}") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, csv.Error) as error:
        reason = f"no column {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:120]
        raise InputError(f"{path}: a damaged table ({reason}); {_mend(path)}") from None


def _mend(path: Path) -> str:
    return f"delete {path.name} and build it again with `wsss run CONFIG {path}`"
