"""The command line of Snakemake that `wsss run` becomes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.cli.commands_with_outputs import call
from wsss.cli.run import snakemake_command
from wsss.errors import InputError
from wsss.workflow import SNAKEFILE, config_path, presets

START = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]


def test_configs_come_first_and_all_else_is_snakemakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "b c.yml", "MY.YAML"):
        Path(name).touch()
    found = snakemake_command(["a.yaml", "b c.yml", "all_cams", "-n", "--cores", "2"])
    assert found == [*START, "all_cams", "-n", "--cores", "2", "--configfile", "a.yaml", "b c.yml"]
    found = snakemake_command(["a.yaml", "--config", "seeds=[0]", "--", "all_cams"])
    assert found == [*START, "--config", "seeds=[0]", "--configfile", "a.yaml", "--", "all_cams"]
    assert snakemake_command(["MY.YAML"]) == [*START, "--configfile", "MY.YAML"]
    assert snakemake_command(["demo"]) == [*START, "--configfile", str(presets()["demo"])]
    assert snakemake_command(["-n", "--configfile", "a.yaml"]) == [*START, "-n", "--configfile", "a.yaml"]


def test_a_file_comes_before_a_preset_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_path("demo") == presets()["demo"]
    assert config_path("folder/demo") == Path("folder/demo")
    Path("demo").touch()
    assert config_path("demo") == Path("demo")


def test_what_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ([], ["-n"]):
        with pytest.raises(InputError, match=r"name a config: `wsss run my\.yaml`"):
            snakemake_command(words)
    with pytest.raises(InputError, match=r"`dmo` is neither a config .* nor a preset: did you mean `demo`\?"):
        snakemake_command(["dmo", "-n"])
    with pytest.raises(InputError, match=r"name the config first: `wsss run 'my own\.yaml' -n --cores 2`"):
        snakemake_command(["-n", "my own.yaml", "--cores", "2"])
    for command in ("run", "check", "estimate"):
        done = call(command, "mine.yaml")
        assert done.exit_code == 1
        assert done.stderr.startswith("error: mine.yaml: no such config; correct the path, or name a preset: ")
        assert "did you mean `demo`?" in call(command, "demo.yaml").stderr
    Path("folder.yaml").mkdir()
    assert "folder.yaml: is no file; name a config" in call("run", "folder.yaml").stderr
    Path("mine.yaml").touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="Snakemake is not installed: pip install"):
        snakemake_command(["mine.yaml"])


def test_help_says_what_stands_behind_run() -> None:
    text = " ".join(call("run", "--help").stdout.split())
    assert "run CONFIG... [SNAKEMAKE OPTIONS AND TARGETS]" in text


def test_the_command_becomes_snakemake(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda program, command: became.append(command))
    assert call("run", "demo", "-n", "--quiet", "rules").exit_code == 0
    assert became == [[*START, "-n", "--quiet", "rules", "--configfile", str(presets()["demo"])]]
    became.clear()
    assert call("run", "demo", "--config", "seeds=[0]", "--", "all_cams").exit_code == 0
    assert became == [[*START, "--config", "seeds=[0]", "--configfile", str(presets()["demo"]), "--", "all_cams"]]
