# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpacks what a guest sent, and trusts none of it.

A guest under test may be broken in any way, so its archive can hold any
name, kind, mode and size.  Only plain files and directories are made, each
strictly below the given directory, with our own modes; nothing existing is
followed or kept.  (Python's own extraction filters are newer than the Python
of Debian 12 in some of its versions.)
"""

import io
import os
import tarfile

# As much as the memory of the machine could ever hold.
SIZE_MAX = 1 << 30


def _target(directory, name):
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise ValueError(f"a name that leads elsewhere: {name!r}")
    return os.path.join(directory, *parts) if parts else directory


def _make_directory(directory, target):
    """Each step below directory is a real directory, or becomes one."""
    path = directory
    for part in os.path.relpath(target, directory).split(os.sep):
        path = os.path.join(path, part)
        if os.path.islink(path) or (os.path.exists(path) and not os.path.isdir(path)):
            os.unlink(path)
        os.makedirs(path, mode=0o755, exist_ok=True)


def unpack(data, directory):
    """Raises ValueError or OSError; what came before the fault stays."""
    if len(data) > SIZE_MAX:
        raise ValueError(f"an archive of {len(data)} bytes")
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                target = _target(directory, member.name)
                if member.size > len(data):  # a sparse file can claim any size
                    raise ValueError(f"larger than its archive: {member.name!r}")
                if member.isdir():
                    _make_directory(directory, target)
                elif member.isreg():
                    _make_directory(directory, os.path.dirname(target))
                    if os.path.lexists(target):
                        os.unlink(target)
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                    with os.fdopen(os.open(target, flags, 0o644), "wb") as file:
                        file.write(archive.extractfile(member).read())
                else:
                    raise ValueError(f"neither file nor directory: {member.name!r}")
    except tarfile.TarError as error:
        raise ValueError(f"no tar archive: {error}") from error
