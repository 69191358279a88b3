"""ssh for Ansible in a sandbox: each command on a target goes through the fence's wrapper there.

The line before this text sets FENCE. A file is piped through a command too, so nothing passes beside it.
"""

import os
import shlex
import sys

VALUED = "BbcDEeFIiJLlmOopQRSWw"  # ssh's options that take a word
FENCE = globals().get("FENCE", "")


def main(words: list[str]) -> None:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at][-1] in VALUED and len(words[at]) == 2 else 1
    command = words[at + 1 :]
    if FENCE and command:
        words = [*words[: at + 1], f"{FENCE} /bin/sh -c {shlex.quote(' '.join(command))}"]
    os.execv("/usr/bin/ssh", ["ssh", *words])  # noqa: S606


main(sys.argv[1:])
