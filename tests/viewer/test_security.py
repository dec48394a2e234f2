"""Who may ask."""

from __future__ import annotations

import pytest

from tests.viewer.conftest import open_page


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", ""])
def test_other_hosts_are_refused(client, host):
    assert client.get("/api/start", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.0.0.1:99", "[::1]:8000", "LOCALHOST"])
def test_own_names_are_allowed(client, host):
    answer = client.get("/api/start", headers={"host": host})
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_everywhere_means_addresses_but_no_names(results):
    with open_page(results, listen="0.0.0.0", hosts=["lab.example"]) as client:
        for host, status in (("192.168.1.7:8000", 200), ("lab.example:8000", 200), ("evil.example", 403)):
            assert client.get("/api/start", headers={"host": host}).status_code == status
