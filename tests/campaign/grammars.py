"""Inputs by hypothesis: what almost has the form that a reader expects, and valid files with a few bytes changed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

ODD = st.sampled_from(
    ["", " ", "\x00", "\ud7ff", "ä/ö", "../up", "/absolute", "a" * 300, "null", "~", "1e400", "-", "\u202e"]
)
TEXT = st.one_of(st.text(max_size=12), ODD)
SCALARS: SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**24), 10**24), st.floats(), TEXT, st.integers(-3, 300)
)


def values(keys: Sequence[str] = ()) -> SearchStrategy[Any]:
    """Nested values of JSON and YAML; mappings like to have keys of these."""
    names = st.one_of(st.sampled_from(list(keys)), TEXT) if keys else TEXT
    return st.recursive(
        SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
        max_leaves=12,
    )


@st.composite
def changed(draw: st.DrawFn, content: Any, keys: Sequence[str] = ()) -> Any:
    """A nested value with one to three of its parts replaced, removed or added."""
    for _ in range(draw(st.integers(1, 3))):
        content = _changed_once(draw, content, values(keys))
    return content


def _changed_once(draw: st.DrawFn, content: Any, new: SearchStrategy[Any]) -> Any:
    if isinstance(content, dict) and content and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(content)))
        action = draw(st.sampled_from(("into", "into", "into", "remove", "add")))
        if action == "into":
            return {**content, key: _changed_once(draw, content[key], new)}
        rest = {name: value for name, value in content.items() if name != key}
        return rest if action == "remove" else {**content, draw(TEXT): draw(new)}
    if isinstance(content, list) and content and draw(st.integers(0, 5)):
        place = draw(st.integers(0, len(content) - 1))
        action = draw(st.sampled_from(("into", "into", "remove", "add")))
        middle = [] if action == "remove" else [_changed_once(draw, content[place], new)]
        return content[:place] + middle + ([content[place]] if action == "add" else []) + content[place + 1 :]
    return draw(new)


@st.composite
def damaged(draw: st.DrawFn, content: bytes, *, most: int = 3) -> bytes:
    """A valid file with bits flipped, parts cut, repeated, overwritten, or in another encoding."""
    for _ in range(draw(st.integers(1, most))):
        content = draw(st.sampled_from(_DAMAGES))(draw, content)
    return content


def _place(draw: st.DrawFn, content: bytes) -> int:
    # half of the places near the start, where headers are
    size = len(content)
    return draw(st.one_of(st.integers(0, min(size, 200)), st.integers(0, size)))


def _flip(draw: st.DrawFn, content: bytes) -> bytes:
    if not content:
        return content
    place = min(_place(draw, content), len(content) - 1)
    bit = 1 << draw(st.integers(0, 7))
    return content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: _place(draw, content)]


def _remove(draw: st.DrawFn, content: bytes) -> bytes:
    place = _place(draw, content)
    return content[:place] + content[place + draw(st.integers(1, 64)) :]


def _insert(draw: st.DrawFn, content: bytes) -> bytes:
    place = _place(draw, content)
    return content[:place] + draw(st.binary(min_size=1, max_size=32)) + content[place:]


def _overwrite(draw: st.DrawFn, content: bytes) -> bytes:
    place, count = _place(draw, content), draw(st.integers(1, 64))
    return content[:place] + draw(st.sampled_from((b"\x00", b"\xff", b"\x80"))) * count + content[place + count :]


def _repeat(draw: st.DrawFn, content: bytes) -> bytes:
    place = _place(draw, content)
    part = content[place : place + draw(st.integers(1, 200))]
    return content[:place] + part * draw(st.integers(1, 20)) + content[place:]


def _encode(draw: st.DrawFn, content: bytes) -> bytes:
    encoding = draw(st.sampled_from(("utf-16", "utf-8-sig", "utf-32", "utf-7")))
    return content.decode("latin-1").encode(encoding)


_DAMAGES = (_flip, _flip, _cut, _remove, _insert, _overwrite, _repeat, _encode)


def yaml_files(content: Any, keys: Sequence[str]) -> SearchStrategy[bytes]:
    """YAML: of changed settings, of any values, and as damaged text."""
    plain = yaml.safe_dump(content).encode()
    dump = partial(yaml.safe_dump, allow_unicode=True)
    return st.one_of(
        changed(content, keys).map(lambda value: dump(value).encode(errors="surrogatepass")),
        values(keys).map(lambda value: dump(value).encode(errors="surrogatepass")),
        damaged(plain),
        st.sampled_from(YAML_BOMBS),
    )


YAML_BOMBS = (
    b"[" * 3000,
    b"[" * 3000 + b"]" * 3000,
    b"data: " + b"{a: " * 3000 + b"}" * 3000,
    b"".join(
        b"%s%d: &%s%d [%s]\n" % (b"a", i, b"a", i, b",".join([b"*a%d" % (i - 1)] * 9) if i else b"x") for i in range(9)
    ),
    b"a: &a [*a]\n",
    b"a: &a {b: *a}\n<<: *a\n",
    b"data: !!python/object/apply:os.system [false]\n",
    b"data: 2001-99-99\n",
    b"run: !!binary ////\n",
    b"seeds: [0x_]\n",
    b"1: 2\n? [a, b]\n: c\n",
    b"? {a: b}\n: c\n",
    b"%YAML 9.9\n---\n",
    b"--- a\n--- b\n",
)
"""Deep, self-referring, exploding and odd documents."""


def json_files(content: Any) -> SearchStrategy[bytes]:
    """JSON: of changed content, of any values, and as damaged text."""
    return st.one_of(
        changed(content).map(lambda value: json.dumps(value).encode()),
        changed(content).map(lambda value: json.dumps(value).encode()),
        values().map(lambda value: json.dumps(value).encode()),
        damaged(json.dumps(content).encode()),
        st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b'"\\ud800"', b"1" * 5000]),
    )


@st.composite
def csv_files(draw: st.DrawFn, rows: Sequence[Sequence[str]]) -> bytes:
    """CSV: rows changed field by field, in any dialect; or damaged text."""
    table = [list(row) for row in rows]
    for _ in range(draw(st.integers(0, 4))):
        row = draw(st.sampled_from(table))
        if not row:
            continue
        place = draw(st.integers(0, len(row) - 1))
        action = draw(st.sampled_from(("field", "field", "other", "drop", "add", "row")))
        if action == "field":
            row[place] = draw(TEXT)
        elif action == "other":
            row[place] = draw(st.sampled_from(draw(st.sampled_from(rows))))
        elif action == "drop":
            del row[place]
        elif action == "add":
            row.insert(place, draw(TEXT))
        else:
            table.insert(draw(st.integers(0, len(table))), list(draw(st.sampled_from(rows))))
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=draw(st.sampled_from(",,,,;\t")),
        lineterminator=draw(st.sampled_from(("\n", "\r\n", "\r"))),
        quoting=draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))),
    )
    writer.writerows(table)
    content = text.getvalue().encode(errors="surrogatepass")
    return draw(st.one_of(st.just(content), damaged(content)))


@st.composite
def lists(draw: st.DrawFn, lines: Sequence[str]) -> bytes:
    """Lists of one name a line, or of a name and words."""
    chosen = draw(st.lists(st.one_of(st.sampled_from(list(lines)), st.sampled_from(list(lines)), TEXT), max_size=20))
    content = draw(st.sampled_from(("\n", "\r\n", " \n\n"))).join(chosen).encode(errors="surrogatepass")
    return draw(st.one_of(st.just(content), damaged(content), damaged("\n".join(lines).encode())))


def xml_files(content: bytes, names: Sequence[str]) -> SearchStrategy[bytes]:
    """XML: nested elements, objects of these classes and of none, entities, damaged text."""
    tag = st.sampled_from(("annotation", "object", "name", "part", "a"))
    leaf = st.one_of(st.sampled_from(list(names)), TEXT).map(
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;")
    )
    element = st.recursive(
        leaf,
        lambda inner: st.tuples(tag, st.lists(inner, max_size=4)).map(
            lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"
        ),
        max_leaves=10,
    )
    lol = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    bombs = [
        f'<!DOCTYPE a [<!ENTITY a0 "x">{lol}]><annotation><object><name>&a9;</name></object></annotation>'.encode(),
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation><object><name>&e;</name></object></annotation>',
        b"<a>" * 50_000,
        b"<a>" * 50_000 + b"</a>" * 50_000,
        b'<?xml version="1.0" encoding="klingon"?><annotation/>',
        b'<?xml version="1.0" encoding="utf-16"?><annotation/>',
    ]
    return st.one_of(
        element.map(lambda text: f"<annotation>{text}</annotation>".encode(errors="surrogatepass")),
        element.map(lambda text: text.encode(errors="surrogatepass")),
        damaged(content),
        st.sampled_from(bombs),
    )
