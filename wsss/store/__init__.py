"""Artifacts: one HDF5 file per stage, one data set per image and kind, whole or absent. Only this package uses h5py.

Layout: root attributes say where the file came from (see `ArtifactWriter`); `/KIND/IMAGE_ID` holds one array, with
its own attributes if the kind needs them (`cams`: the classes of its planes); `/tables/NAME` holds arrays that describe
all images at once. Any HDF5 browser shows it: the filters are gzip and shuffle, which every build can read. An image's
array is one chunk, for it is always read whole; chunks that HDF5 chooses cut a label map into a dozen.

Whatever is read is what was written, or an error: the table `checksums` lists every array with its checksums, and the
root attribute `checksum` is that of this table and of all other root attributes. Lists of images come from the table,
not from HDF5's groups; it is one array in the order of names (`wsss.store.sums`), so that an artifact of any size opens
without an object for each image. Files of earlier format versions are read too: version 2 has the same as JSON, which
takes longer, version 1 has no checksums.

An artifact of parts holds, in place of arrays, links to those in the files of its parts, and their checksums
(`wsss.store.parts`). Its root attribute `parts` names them.
"""

from __future__ import annotations

from wsss.store.blocks import Blocks
from wsss.store.layout import TABLES, rebuild_hint
from wsss.store.opening import guarded
from wsss.store.reader import ArtifactReader
from wsss.store.texts import Texts
from wsss.store.writer import ArtifactWriter

__all__ = ["TABLES", "ArtifactReader", "ArtifactWriter", "Blocks", "Texts", "guarded", "rebuild_hint"]
