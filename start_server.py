#!/usr/bin/env python3
"""The one command that starts everything: migrates the database, then serves.

    python start_server.py [--host 127.0.0.1] [--port 8000]

The same as `sre-agent serve`. Exit code 2: it could not start, and a sentence says why.
"""

from __future__ import annotations

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
