"""`auto` takes a network if its weights can be had, else superpixels with a warning, and keeps what it took."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsss.config import Saliency
from wsss.context import RunContext
from wsss.data.saliency_choice import record_of
from wsss.errors import InputError
from wsss.stages import saliency_choice
from wsss.stages.saliency import saliency
from wsss.store import ArtifactReader

NO_WEIGHTS = "rembg cannot get its weights (no network)"


class Network:
    """Stands for a saliency network whose weights are there, or not."""

    at_hand = True
    side_by_side = 1

    def __init__(self, settings: Saliency, context: RunContext) -> None:
        assert settings.source == "rembg"
        if not self.at_hand:
            raise InputError(NO_WEIGHTS)
        self.weights = Path(__file__)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        return np.full(image.shape[:2], 77, np.uint8)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> type[Network]:
    monkeypatch.setattr(saliency_choice, "SaliencyNetwork", Network)
    monkeypatch.setattr(Network, "at_hand", True)
    return Network


def source_of(path: Path) -> tuple[str, str]:
    """The source that an artifact names, and what it warns of."""
    with ArtifactReader(path, "saliency") as reader:
        return reader.attributes["settings"]["source"], reader.attributes["warning"]


def test_a_network_is_taken_where_its_weights_are(network: type[Network], small_index: Path, tmp_path: Path):
    saliency(Saliency(), index=small_index, output=tmp_path / "s.h5")
    assert source_of(tmp_path / "s.h5") == ("rembg", "")
    with ArtifactReader(tmp_path / "s.h5", "saliency") as reader:
        assert reader.attributes["chosen"] == f"rembg by `auto`, for its weights are {__file__}"
        assert (reader.read("saliency", reader.ids("saliency")[0]) == 77).all()


def test_superpixels_are_taken_with_a_warning_and_kept(
    network: type[Network], small_index: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    output = tmp_path / "s.h5"
    network.at_hand = False
    saliency(Saliency(), index=small_index, output=output)
    source, warning = source_of(output)
    assert source == "superpixels"
    assert NO_WEIGHTS in warning
    assert "pip install wsss[saliency]" in warning
    assert warning in caplog.text
    first = output.read_bytes()
    output.unlink()
    caplog.clear()
    network.at_hand = True
    saliency(Saliency(), index=small_index, output=output)
    assert source_of(output) == (source, warning)
    assert warning in caplog.text
    with ArtifactReader(output) as reader:
        again = reader.attributes["fingerprint"]
    output.write_bytes(first)
    with ArtifactReader(output) as reader:
        assert reader.attributes["fingerprint"] == again


def test_a_network_that_was_taken_and_is_gone_is_one_line(network: type[Network], small_index: Path, tmp_path: Path):
    output = tmp_path / "s.h5"
    saliency(Saliency(), index=small_index, output=output)
    output.unlink()
    network.at_hand = False
    with pytest.raises(InputError, match=r"took u2netp before; delete .*s\.choice\.json to choose again"):
        saliency(Saliency(), index=small_index, output=output)
    record_of(output).unlink()
    saliency(Saliency(), index=small_index, output=output)
    assert source_of(output)[0] == "superpixels"


def test_other_settings_choose_anew(network: type[Network], small_index: Path, tmp_path: Path):
    output = tmp_path / "s.h5"
    network.at_hand = False
    saliency(Saliency(), index=small_index, output=output)
    network.at_hand = True
    saliency(Saliency(model="u2net"), index=small_index, output=output)
    assert source_of(output)[0] == "rembg"


def test_weights_that_are_named_and_wrong_are_an_error(network: type[Network], small_index: Path, tmp_path: Path):
    network.at_hand = False
    with pytest.raises(InputError, match="no network"):
        saliency(Saliency(weights="own.onnx"), index=small_index, output=tmp_path / "s.h5")
    assert list(tmp_path.glob("s*")) == []


def test_a_source_that_is_named_makes_no_choice(network: type[Network], small_index: Path, tmp_path: Path):
    saliency(Saliency(source="superpixels"), index=small_index, output=tmp_path / "s.h5")
    assert not record_of(tmp_path / "s.h5").exists()
    with ArtifactReader(tmp_path / "s.h5", "saliency") as reader:
        assert "warning" not in reader.attributes


def test_a_file_in_place_of_the_record_is_kept(network: type[Network], small_index: Path, tmp_path: Path):
    (tmp_path / "s.choice.json").write_text("mine")
    for settings in (Saliency(), Saliency(source="superpixels")):
        with pytest.raises(InputError, match=r"s\.choice\.json: "):
            saliency(settings, index=small_index, output=tmp_path / "s.h5")
    assert (tmp_path / "s.choice.json").read_text() == "mine"
    assert not (tmp_path / "s.h5").exists()


def test_no_download_is_one_warning(
    small_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    pooch = pytest.importorskip("pooch")
    pytest.importorskip("rembg")
    asked = []

    def no_network(url: str, *args: object, **options: object) -> None:
        asked.append(url)
        raise OSError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", no_network)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "cache"))
    saliency(Saliency(), index=small_index, output=tmp_path / "s.h5")
    assert source_of(tmp_path / "s.h5")[0] == "superpixels"
    assert [Path(url).name for url in asked] == ["u2netp.onnx"]
    assert "no route to host" in caplog.text
