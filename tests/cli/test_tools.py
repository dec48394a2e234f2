"""Tools beside the stages."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from typer.testing import CliRunner

from tests.cli.program import wsss
from wsss.cli.app import app


def test_check_says_what_is_wrong_with_a_config_and_where(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "labels.csv").write_text("image,label\na.png,cat\n")
    config, over = tmp_path / "mine.yaml", tmp_path / "over.yaml"

    def check(text: str) -> str:
        over.write_text(text)
        result = CliRunner().invoke(app, ["check", str(config), str(over)])
        assert result.exit_code == (1 if result.stderr else 0)
        return result.output

    # what `auto` takes depends on the machine, and is said
    config.write_text(f"data: {{name: folder, root: {tmp_path / 'photos'}}}\nsaliency: {{source: superpixels}}\n")
    assert check("cams: {flip: false}\n").endswith(f"{over}: nothing is wrong; its results will be in results/over\n")
    assert check("cams: [\n").startswith(f"error: {over} line 2: not valid YAML (")
    assert check("cams: {flop: true}\n") == f"error: {over}: `cams.flop` is not a setting: did you mean `flip`?\n"
    assert check("data: {labels: no.csv}\n").endswith("no.csv: no such file; correct `data.labels`\n")


def test_weights_that_cannot_be_converted_are_one_line(tmp_path: Path):
    path = tmp_path / "weights.params"
    path.write_bytes(b"no weights")
    result = wsss("convert_weights", path, "--output", tmp_path / "out.pth")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {path}: not a .params file of MXNet, or cut short")
    assert not (tmp_path / "out.pth").exists()
