"""Spack's names for the operating system of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import hosts


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('ID=ubuntu\nVERSION_ID="24.04"\n', "ubuntu24.04"),
        ('NAME="Rocky Linux"\nID="rocky"\nVERSION_ID="9.4"\n', "rocky9"),
        ('ID="ol"\nVERSION_ID="9.3"\n', "oracle9"),
        ("ID=debian\nVERSION_ID='12'\n", "debian12"),
        ('ID="amzn"\nVERSION_ID="2023"\n', "amzn2023"),
        ("ID=arch\n", None),
        ("", None),
    ],
)
def test_this_os_is_named_as_spack_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str | None
) -> None:
    """The distribution with its major version, Ubuntu with both; None if either is missing."""
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(hosts, "OS_RELEASE", tmp_path / "os-release")
    (tmp_path / "os-release").write_text(text)

    assert hosts.this_os() == name


def test_a_mac_is_named_for_its_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its major version; an unknown release has no name."""
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    for version, name in (("15.1", "sequoia"), ("26.0", "tahoe"), ("99.0", None)):
        monkeypatch.setattr("platform.mac_ver", lambda version=version: (version, (), ""))
        assert hosts.this_os() == name
