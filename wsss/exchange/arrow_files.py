"""Find and read tables of Hugging Face's `datasets`, .parquet and .arrow, row by row. By pyarrow (`wsss[parquet]`)."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsss.data.sources.files import walk_pictures
from wsss.data.sources.label_folders import SPLIT_FOLDERS
from wsss.data.sources.label_tables import PARQUET
from wsss.errors import InputError
from wsss.exchange.arrow_columns import NONE, feature_of
from wsss.inputs import begins_with, check_regular
from wsss.pipeline.artifact import SPLITS

ROWS = 16
"""Rows that are in memory at once, photographs included."""
_SPLITS, _STATE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
"""What `save_to_disk` writes beside the tables."""
_BUFFER = 2**20
_SHARD = re.compile(r"(?P<split>.+)-\d{5,}-of-(?P<count>\d{5,})(-[0-9a-f]+)?")
"""Stem of a table that is one of several, as `datasets` names them: `train-00000-of-00002`."""
_FILE_FORM, _POINTER = b"ARROW1", b"version https://git-lfs"


@dataclass(frozen=True)
class TableFile:
    """A table.

    Attributes:
        path: The file.
        split: Name of the split that it is of, as its own name or its folder's says; empty where none does.
    """

    path: Path
    split: str

    def features(self) -> dict[str, Any]:
        """Return what each column holds, in the words of `datasets`: what the file says, else by its type.

        Raises:
            InputError: If the file or its description is damaged.
        """
        with self._explained(), self._opened() as opened:
            schema = opened.schema_arrow if self._is_parquet else opened.schema
            about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
            about = about["info"] if about else _json(self.path.with_name(_INFO))
            known = about.get("features") or {}
            return {field.name: known.get(field.name) or feature_of(field.type) for field in schema}

    def count(self) -> int:
        """Return the number of rows.

        Raises:
            InputError: If the file is damaged.
        """
        with self._explained(), self._opened() as opened:
            if self._is_parquet:
                return int(opened.metadata.num_rows)
            # of a file that is mapped into memory, this touches no photograph
            return sum(batch.num_rows for batch in _batches(opened))

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the values of the columns, row by row.

        Raises:
            InputError: If the file is damaged.
        """
        done = 0
        with self._explained(lambda: f" from row {done} on"), self._opened() as opened:
            if self._is_parquet:
                batches = opened.iter_batches(batch_size=ROWS, columns=list(columns))
            else:
                batches = (batch.select(list(columns)) for batch in _batches(opened))
            for batch in batches:
                for start in range(0, batch.num_rows, ROWS):
                    part = batch.slice(start, ROWS)
                    # numbers in a damaged file may point outside of it
                    part.validate(full=True)
                    yield from part.to_pylist()
                    done += part.num_rows

    @property
    def _is_parquet(self) -> bool:
        return self.path.suffix.lower() == PARQUET[0]

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the file, as pyarrow's `ParquetFile`, or reader of batches."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        check_regular(self.path)
        if self._is_parquet:
            # so a column is read piece by piece, however many rows are stored as one group
            with pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file:
                yield file
            return
        with pa.memory_map(str(self.path)) as source:
            in_file_form = begins_with(self.path, _FILE_FORM)
            with pa.ipc.open_file(source) if in_file_form else pa.ipc.open_stream(source) as reader:
                yield reader

    @contextmanager
    def _explained(self, where: Callable[[], str] = lambda: "") -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except InputError:
            raise
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if begins_with(self.path, _POINTER):
                raise InputError(f"{self.path}: is a pointer of git, not the data; get it by `git lfs pull`") from None
            reason = " ".join(str(error).split())[:100] or type(error).__name__
            said = f"damaged{where()}, or no {self.path.suffix[1:].lower()} file"
            raise InputError(f"{self.path}: {said} ({reason}); download or write it again") from None


def find_tables(source: Path) -> list[TableFile]:
    """Return the tables of a data set, in order: of a file, of what `save_to_disk` wrote, or of a folder of tables.

    Raises:
        InputError: If there are none, some lack, or they are of several data sets.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError("tables of photographs need pyarrow, which is not installed: pip install 'wsss[parquet]'")
    check_regular(source)
    if not source.exists():
        raise InputError(f"{source}: no such file or folder; correct the path")
    if not source.is_dir():
        if source.suffix.lower() not in PARQUET:
            raise InputError(f"{source}: is no table of photographs; give a folder, or a file {' or '.join(PARQUET)}")
        return [TableFile(source, _split_of(Path(source.name)))]
    try:
        if (source / _SPLITS).is_file():
            splits = [(name, source / name) for name in _json(source / _SPLITS)["splits"]]
            return [TableFile(path, name) for name, folder in splits for path in _saved(folder)[0]]
        if (source / _STATE).is_file():
            paths, split = _saved(source)
            return [TableFile(path, split) for path in paths]
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{source}: its {_SPLITS} or {_STATE} is damaged; write the data set again") from None
    return _tables_below(source)


def roles_of(tables: Sequence[TableFile], said: Mapping[str, str], source: Path) -> dict[str, str]:
    """Return what each split is for, by its name: `train`, `val`, or nothing, to be left out.

    As in folders of photographs, `test` is `val` where there is no other, and else left out. A single split is `train`.

    Args:
        said: `train`, `val` or `none` for some of the splits.

    Raises:
        InputError: If a split is said that is not there, or it is not clear what one is for.
    """
    names = list(dict.fromkeys(table.split for table in tables))
    listed = ", ".join(f"`{name}`" if name else "one without a name" for name in names)
    for name, role in said.items():
        if name not in names or role not in (*SPLITS, NONE):
            takes = f"--split takes NAME={'|'.join((*SPLITS, NONE))}"
            raise InputError(f"{source}: {takes}, got {name}={role}; its splits are {listed}")
    known = {name: role for role, own in SPLIT_FOLDERS.items() for name in names if name.lower() in own}
    roles = {name: said.get(name) or known.get(name, "") for name in names}
    if len(names) == 1 and not said:
        roles = {names[0]: SPLITS[0]}
    unknown = [name for name in names if not roles[name]]
    if unknown or SPLITS[0] not in roles.values():
        raise InputError(
            f"{source}: its splits are {listed}, and it is not clear which to train on; say so by "
            f"`--split {shlex.quote(unknown[0] if unknown else names[0])}=train`, or give the file of one"
        )
    test = NONE if SPLITS[1] in roles.values() else SPLITS[1]
    return {name: (test if role == "test" else role).replace(NONE, "") for name, role in roles.items()}


def _saved(folder: Path) -> tuple[list[Path], str]:
    """Return the tables and the name of a split that `save_to_disk` wrote."""
    path = folder / _STATE
    if not path.is_file():
        raise InputError(f"{folder}: there is no {_STATE}, so a split is missing; write the data set again")
    state = _json(path)
    names = [file["filename"] for file in state["_data_files"]]
    if state.get("_indices_data_files"):
        raise InputError(f"{path}: keeps a choice of rows apart; load it and save it again by a newer `datasets`")
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(f"{path}: names {name!a:.80}, which lies outside of its folder; write the data set again")
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file, and {_STATE} names it; copy it there too")
    return [folder / name for name in names], str(state.get("_split") or "")


def _tables_below(folder: Path) -> list[TableFile]:
    """Return all tables in a folder, at any depth; what is hidden is left out."""
    names = list(walk_pictures(folder, PARQUET)[0])
    if not names:
        raise InputError(f"{folder}: holds no file {' or '.join(PARQUET)}; give the folder that does")
    tables = [TableFile(folder / name, _split_of(Path(name))) for name in names]
    seen: dict[tuple[str, str], Path] = {}
    shards: Counter[tuple[Path, str, str]] = Counter()
    for table in tables:
        other = seen.setdefault((table.path.name, table.split), table.path)
        if other is not table.path:
            raise InputError(f"{other} and {table.path}: two data sets in one folder; give the folder of one of them")
        if shard := _SHARD.fullmatch(table.path.stem):
            shards[table.path.parent, shard["split"], shard["count"]] += 1
    for (place, split, count), there in shards.items():
        if there < int(count):
            raise InputError(f"{place}: {there} of {int(count)} files {split}-...-of-{count} are there; add the others")
    return tables


def _split_of(path: Path) -> str:
    """Return the name of the split that a path, below the folder of the data set, says; the innermost counts."""
    known = {name for names in SPLIT_FOLDERS.values() for name in names}
    shard = _SHARD.fullmatch(path.stem)
    if shard and shard["split"] != "data":
        # names of splits have no dashes: what stands before one is the name of the data set
        return shard["split"].rpartition("-")[2]
    for part in (path.stem, *reversed(path.parent.parts)):
        for word in re.split("[^a-z]+", part.lower()):
            if word in known:
                return word
    return ""


def _batches(reader: Any) -> Iterator[Any]:
    """Yield the batches of either form of .arrow."""
    if hasattr(reader, "num_record_batches"):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
    else:
        yield from reader


def _json(path: Path) -> Any:
    """Read what `datasets` wrote beside its tables; nothing where there is no such file."""
    check_regular(path)
    try:
        return json.loads(path.read_bytes()) if path.is_file() else {}
    except ValueError:
        raise InputError(f"{path}: damaged; write the data set again") from None
