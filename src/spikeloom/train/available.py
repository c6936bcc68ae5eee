"""How much memory a process may still take."""

import sys
from contextlib import suppress
from pathlib import Path


def available_bytes() -> int:
    """What the machine has free or can free at once, or what is left of a control group's limit if that is less."""
    import psutil

    free = int(psutil.virtual_memory().available)
    left = group_bytes() if sys.platform == "linux" else None
    return free if left is None else min(free, left)


def group_bytes(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """What is left of the memory limits of the control groups that this process is in; None without a limit.

    Files that the system holds in a group's memory count as its use, but it lets go of those that nobody works on.

    Args:
        groups: where control groups are mounted, of version 2, or of version 1 in a folder for each controller.
        own: lists the groups of this process, a line `number:controllers:path` for each hierarchy.
    """
    left = []
    with suppress(OSError, ValueError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                files, top = ("memory.max", "memory.current", "inactive_file"), groups
            elif "memory" in controllers.split(","):
                files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                top = groups / "memory"
            else:
                continue
            # Limits of all groups above hold too. In a container the own group may be what is mounted at the top.
            inner = Path(path.lstrip("/"))
            left += [_left(top / folder, *files) for folder in (inner, *inner.parents)]
    limits = [value for value in left if value is not None]
    return min(limits) if limits else None


def _left(folder: Path, limit_file: str, usage_file: str, freed_at_once: str) -> int | None:
    """What is left of the limit of one group; None where there is no such group, or no limit."""
    try:
        limit, usage = (folder / limit_file).read_text().strip(), int((folder / usage_file).read_text())
        # Version 2 says "max", version 1 a number beyond all memory there is.
        if limit == "max" or int(limit) >= 1 << 62:
            return None
        words = (folder / "memory.stat").read_text().split()
        stat = dict(zip(words[::2], words[1::2], strict=True))
        return max(0, int(limit) - usage + int(stat.get(freed_at_once, 0)))
    except (OSError, ValueError):
        return None
