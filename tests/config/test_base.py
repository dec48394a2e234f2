from __future__ import annotations

from wsss.config import Cams, Protocol


def test_canonical_json_is_complete_and_round_trips() -> None:
    settings = Cams(flip=False)
    assert settings.canonical_json() == '{"flip":false,"scales":[0.5,1.0,1.5,2.0],"tiles":null}'
    assert Cams.parse(settings.canonical_json()) == settings
    assert Protocol.parse(None) == Protocol()
