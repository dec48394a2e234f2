from __future__ import annotations

from PIL import Image

from wsss.ops.palette import voc_palette
from wsss.report.gallery import Gallery, Sample, Tile
from wsss.report.sheets import contact_sheet, font, one_page


def test_a_sheet_has_no_more_samples_than_fit_on_a_page():
    tile = Tile("photograph", "", Image.new("RGB", (160, 160)))
    samples = tuple(Sample(str(number), (1,), (tile,) * 5, frozenset({number})) for number in range(40))
    gallery = one_page(Gallery("train", "the first of the list", samples))
    assert 3 <= len(gallery.samples) < 8
    assert [gallery.samples[0].image_id, gallery.samples[-1].image_id] == ["0", "39"]
    # the legend names what is on the page, not what was left out
    assert gallery.shown == tuple(int(sample.image_id) for sample in gallery.samples)
    sheet = contact_sheet(
        gallery, [f"class {value}" for value in range(40)], voc_palette(), heading="Labels", caption="word " * 120
    )
    assert sheet.height / sheet.width <= 10.9 / 7.5 + 0.01
    assert one_page(Gallery("train", "", ())).samples == ()


def test_class_names_may_be_written_in_other_alphabets():
    missing = bytes(font(20).getmask("\uffff"))
    for bold in (False, True):
        assert all(bytes(font(20, bold=bold).getmask(letter)) != missing for letter in "éßšΩЖאعक"[:7])
