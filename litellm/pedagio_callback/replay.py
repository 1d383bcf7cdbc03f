"""Remembers which holds have already started a call, across workers and restarts."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

# Accounting frees a hold that nobody started within 60 s: a call must start well before that.
LONGEST_TOKEN_AGE_S = 45
BUCKET_S = 600


class StartedCalls:
    """One empty file per hold, created exclusively, in a folder per ten minutes of issue.

    A token lives under a minute, so folders older than that guard nothing and are removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def claim(self, hold: str, issued_s: int) -> bool:
        """True for the first call of a hold, False for a replay. Raises OSError (disk full)."""
        bucket = self._folder / str(issued_s // BUCKET_S)
        # The name is a digest: a hold id is text that came over the network.
        name = hashlib.sha256(hold.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            return self._create(bucket / name)
        except FileNotFoundError:
            bucket.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._create(bucket / name)

    @staticmethod
    def _create(path: Path) -> bool:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def forget_old(self, now_s: float) -> None:
        """Remove what can no longer be replayed; `now_s` is epoch seconds."""
        oldest = int(now_s) // BUCKET_S - 2
        if not self._folder.is_dir():
            return
        for bucket in self._folder.iterdir():
            if bucket.name.isdigit() and int(bucket.name) < oldest:
                shutil.rmtree(bucket, ignore_errors=True)
