"""Says on a host what it is, then its clock as often as it is asked; a program of its own, standard library only.

It is sent over standard input and runs with whatever Python 3.6 or newer the host has; nothing of it is written there.
The first line it reads says whether sudo is to be tried, and with which password.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time

MARK = "WEILU-FACTS "


def read(place: str) -> str:
    try:
        with open(place, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return ""


def system() -> str:
    for line in read("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return platform.system()


def memory() -> int:
    for line in read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def sudo(order: dict) -> str:  # type: ignore[type-arg]  # Python 3.6 has no dict[…]
    """How sudo answers: empty where it works or was not asked for."""
    if not order["sudo"]:
        return ""
    if not shutil.which("sudo"):
        return "missing"
    words, text = ["sudo", "-n", "true"], None
    if order["password"]:
        words, text = ["sudo", "-k", "-S", "-p", "", "true"], (order["password"] + "\n").encode("utf-8")
    try:
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError:
        return "missing"
    try:
        child.communicate(text, timeout=15)
    except (OSError, subprocess.TimeoutExpired):
        child.kill()
        return "slow"
    if child.returncode == 0:
        return ""
    return "wrong" if order["password"] else "asks"


def main() -> None:
    order = json.loads(sys.stdin.readline())
    root = shutil.disk_usage("/")
    facts = {
        "os": system(), "kernel": platform.release(), "arch": platform.machine(), "hostname": socket.gethostname(),
        "cpus": os.cpu_count() or 0, "memory_mb": memory(), "disk_mb": root.total >> 20,
        "disk_free_mb": root.free >> 20, "python": platform.python_version(),
        "boot": read("/proc/sys/kernel/random/boot_id").strip(), "machine": read("/etc/machine-id").strip(),
    }  # fmt: skip
    print(MARK + json.dumps({"facts": facts, "sudo": sudo(order)}), flush=True)
    for _line in sys.stdin:
        print(repr(time.time()), flush=True)


main()
