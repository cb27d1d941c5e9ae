"""The operating system and CPU target of this machine, as Spack names them."""

from __future__ import annotations

import platform
from pathlib import Path

OS_RELEASE = Path("/etc/os-release")
# As Spack's mac_os.py names them, by the major version of macOS.
MACOS = {
    "11": "bigsur",
    "12": "monterey",
    "13": "ventura",
    "14": "sonoma",
    "15": "sequoia",
    "26": "tahoe",
}
# Identifiers that the distro package, which Spack uses, renames.
IDS = {"ol": "oracle", "redhat": "rhel", "opensuse-leap": "opensuse"}


def this_os() -> str | None:
    """Return Spack's name of this machine's operating system; None if unknown.

    Spack joins the distribution's name and major version, for Ubuntu also the minor one
    (lib/spack/spack/operating_systems/linux_distro.py).
    """
    if platform.system() == "Darwin":
        return MACOS.get(platform.mac_ver()[0].partition(".")[0])
    try:
        lines = OS_RELEASE.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    entries = dict(line.split("=", 1) for line in lines if "=" in line)
    values = {key: value.strip("\"'") for key, value in entries.items()}
    name = IDS.get(values.get("ID", ""), values.get("ID", ""))
    parts = values.get("VERSION_ID", "").split(".")
    if not name or not parts[0]:
        return None
    return name + ".".join(parts[: 2 if name == "ubuntu" else 1])


def this_target() -> str:
    """Return archspec's name of this machine's CPU target."""
    import archspec.cpu  # not needed by most commands

    return str(archspec.cpu.host().name)
