"""Share a trained network on the Hugging Face Hub, with a card that says how it was trained; take one from there."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wsss import __version__
from wsss.errors import InputError
from wsss.label_values import class_values

SCHEME = "hf://"
"""Beginning of the address of a network: `hf://OWNER/NAME`, `hf://OWNER/NAME@REVISION`."""
FILE, CARD, CONFIG = "model.safetensors", "README.md", "config.json"
"""The files of a network on the Hub: the checkpoint, its card, and a description that other programs can read."""
_NAME = r"[\w.-]+/[\w.-]+"


def push_to_hub(
    model: Path, repository: str, *, private: bool = False, token: str | None = None, endpoint: str | None = None
) -> str:
    """Upload a network: its checkpoint as safetensors, a card, and a description; what is there is replaced.

    Paths of the machine do not leave it.

    Args:
        model: Checkpoint of any network.
        repository: `OWNER/NAME`; made where it is not there.
        private: Whether a repository that is made is private.
        token: Of the Hub; None takes that of `hf auth login` or of `HF_TOKEN`.
        endpoint: Address of the Hub; None takes the public one, or `HF_ENDPOINT`.

    Returns:
        The address of the commit.

    Raises:
        InputError: If the checkpoint cannot be read, the name is none, huggingface_hub is not installed, or the Hub
            cannot be reached or refuses.
    """
    if not re.fullmatch(_NAME, repository):
        raise InputError(f"{repository}: a network on the Hub is called OWNER/NAME")
    _require()
    from huggingface_hub import CommitOperationAdd, HfApi

    contents = hub_files(model)
    api = HfApi(endpoint=endpoint, token=token, library_name="wsss", library_version=__version__)
    with _errors_of_the_hub(f"{SCHEME}{repository}"):
        api.create_repo(repository, private=private, exist_ok=True)
        operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=data) for name, data in contents.items()]
        done = api.create_commit(repository, operations, commit_message="Upload a network trained by wsss")
    return str(done.commit_url)


def hub_files(model: Path) -> dict[str, bytes]:
    """Return the files of a network on the Hub, by name.

    Raises:
        InputError: If the checkpoint cannot be read.
    """
    from wsss.exchange.networks import shareable
    from wsss.training.checkpoint import load_weights, payload_of
    from wsss.training.safetensors_file import safetensors_bytes

    weights, info = load_weights(model)
    info = shareable(info)
    payload = payload_of(info, weights)
    about = {key: value for key, value in payload.items() if key not in ("weights", "attributes")}
    return {
        FILE: safetensors_bytes(payload),
        CONFIG: (json.dumps({"library_name": "wsss", **about}, indent=1) + "\n").encode(),
        CARD: model_card(payload).encode(),
    }


def download(source: str, *, endpoint: str | None = None, cache: Path | None = None) -> Path:
    """Take a network from the Hub, or from the cache of what was taken before.

    Args:
        source: `hf://OWNER/NAME` or `hf://OWNER/NAME@REVISION`.
        endpoint: As for `push_to_hub`.
        cache: Folder for downloads; None takes that of huggingface_hub.

    Returns:
        The checkpoint.

    Raises:
        InputError: If the address is none, huggingface_hub is not installed, or the network cannot be had.
    """
    found = re.fullmatch(rf"{SCHEME}({_NAME})(?:@([\w./-]+))?", source)
    if found is None:
        raise InputError(f"{source}: the address of a network is {SCHEME}OWNER/NAME or {SCHEME}OWNER/NAME@REVISION")
    _require()
    from huggingface_hub import hf_hub_download

    with _errors_of_the_hub(source):
        path = hf_hub_download(found[1], FILE, revision=found[2], endpoint=endpoint, cache_dir=cache)
    return Path(path)


def model_card(payload: dict[str, Any]) -> str:
    """Write the card of a network from what its checkpoint says: what it is, its data, its protocol, its numbers."""
    names, attributes = payload["class_names"], payload["attributes"]
    backbone = payload["model_settings"]["backbone"]
    metrics = payload["metrics"]
    validation = metrics.get("validation") or {}
    head = ["---", "library_name: wsss", "pipeline_tag: image-segmentation"]
    head += ["tags:", "- weakly-supervised", "- semantic-segmentation", f"- {payload['kind']}", "---", ""]
    what = [
        f"# {attributes.get('run') or payload['kind']}",
        "",
        f"A network `{payload['kind']}` on the backbone {backbone['name']}, output stride {backbone['output_stride']}, "
        f"written by stage `{payload['stage']}` of wsss {payload['package_version']}. It was trained from image-level "
        "labels, or from pseudo labels made of them, unless its settings below say `masks`.",
        "",
        "```python",
        "import wsss",
        "",
        f'model = wsss.load("{SCHEME}OWNER/NAME")',
        'prediction = model.predict("photo.jpg")  # .mask, .probabilities, .class_names',
        "```",
        "",
    ]
    data = ["## Data", "", f"{metrics.get('training_images', 'An unknown number of')} training images. Classes:", ""]
    data += [f"{value}. {names[value]}" + ("" if value else " (value 0 of the masks)") for value in class_values(names)]
    made_of = [f"- {name}: `{digest}`" for name, digest in (attributes.get("inputs") or {}).items()]
    data += ["", "Digests of what it was trained on:", "", *made_of, ""] if made_of else [""]
    protocol = ["## Protocol", ""]
    if validation:
        protocol += ["Measured on images of the data set at the end of the training.", "", *_table(validation)]
        for metric, by_class in validation.items():
            if isinstance(by_class, dict):
                protocol += ["", f"{metric} by class:", "", *_table(by_class)]
    else:
        protocol += ["It was not measured in training: the data set has no `val` images, or no masks of them."]
    numbers = {key: value for key, value in metrics.items() if not isinstance(value, dict | list)}
    training = ["", "## Training", "", *_table(numbers), "", f"Seed {attributes.get('seed', 0)}. Settings:", ""]
    training += ["```json", json.dumps(json.loads(attributes.get("settings") or "{}"), indent=1), "```", ""]
    return "\n".join([*head, *what, *data, *protocol, *training])


def _table(numbers: dict[str, Any]) -> list[str]:
    rows = [(name, value) for name, value in numbers.items() if isinstance(value, int | float | str)]
    return ["| | |", "|---|---|", *(f"| {name} | {_number(value)} |" for name, value in rows)]


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _require() -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise InputError("the Hub needs huggingface_hub, which is not installed: pip install 'wsss[hub]'")


@contextmanager
def _errors_of_the_hub(what: str) -> Iterator[None]:
    """Turn the errors of the package, and of the network under it, into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        of_the_network = type(error).__module__.startswith(("huggingface_hub", "httpx", "httpcore", "requests"))
        if not of_the_network and not isinstance(error, OSError):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{what}: the Hub cannot be reached, or refuses ({reason}); check the name, the network and your login "
            "(`hf auth login`), or pass a file"
        ) from None
