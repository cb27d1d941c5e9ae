"""The machine that this runs on, by Spack's names for operating systems and CPU targets."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping

from pipeline.tables import targets


def this_machine() -> dict[str, str]:
    """Return `os` and `target` of this machine; `os` is empty where it is not a known Linux."""
    try:
        release: Mapping[str, str] = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return {"os": os_name(release), "target": targets.this_machine()}


def os_name(release: Mapping[str, str]) -> str:
    """Return Spack's name of a Linux from its /etc/os-release.

    As spack.operating_systems.linux_distro has it: the distribution's identifier and its version,
    of which only Ubuntu's keeps a second part.

    >>> os_name({"ID": "ubuntu", "VERSION_ID": "22.04"})
    'ubuntu22.04'
    >>> os_name({"ID": "rocky", "VERSION_ID": "9.4"})
    'rocky9'
    """
    name = release.get("ID", "")
    parts = re.split(r"[^\w-]", release.get("VERSION_ID", ""))
    version = ".".join(parts[:2]) if "ubuntu" in name else parts[0]
    return f"{name}{version}" if name else ""
