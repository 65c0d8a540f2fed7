"""The request journal: one line a request, on disk before the answer leaves."""

import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Journal:
    """Opens its file for each line, so that it can be rotated at any time."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def request(self, request: Mapping[str, Any], status: str, seconds: float) -> None:
        """Note a request with its answer."""
        self.write(
            f"INFO {request.get('REQUEST_METHOD')} {request.get('PATH_INFO')} "
            f"{status.split()[0]} {seconds:.3f}s"
        )

    def write(self, text: str) -> None:
        """Append a line; raises OSError where it cannot be kept.

        A full file system may still have room for half a line in the file's last block: that
        is refused as well, half an entry is worse than none.
        """
        if os.statvfs(self.path.parent).f_bavail == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} [{os.getpid()}] {text}\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            self._write_whole(handle, line.encode())
        finally:
            os.close(handle)

    def _write_whole(self, handle: int, data: bytes) -> None:
        while data:
            data = data[os.write(handle, data) :]
