"""`python -m jzdesk serve|migrate --shared DIR [--port N]`."""

import argparse
import sys
from pathlib import Path

from jzdesk import server, store


def main() -> int:
    parser = argparse.ArgumentParser(prog="jzdesk")
    parser.add_argument("act", choices=["serve", "migrate"])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.act == "migrate":
        print(f"schema {store.migrate(given.shared)}")
        return 0
    return server.serve(given.shared, given.port)


if __name__ == "__main__":
    sys.exit(main())
