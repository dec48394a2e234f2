"""Asks the page's server, and reads what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

RUN = "/api/tiny"


def raw(client: TestClient, layer: str, image: str) -> np.ndarray:
    answer = client.get(f"{RUN}/map", params={"layer": layer, "image": image})
    assert answer.status_code == 200, answer.text
    shape = tuple(map(int, answer.headers["x-shape"].split(",")))
    return np.frombuffer(answer.content, np.uint8).reshape(shape)


def ids(answer: dict) -> list[str]:
    return [item["id"] for item in answer["items"]]
