"""Init of one host: its root is an overlay of the machine's, its address and names are its own, sshd serves it.

A program of its own, standard library only, process 1 of the host's namespaces. It says its process id as the
machine sees it, reads one line of JSON, sets the host up, says so, and then buries the dead and keeps sshd up.
"""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
SSHD = """Port 22
HostKey /etc/ssh/host_key
PermitRootLogin prohibit-password
PasswordAuthentication no
AuthorizedKeysFile /etc/ssh/authorized_keys
StrictModes no
UsePAM no
UseDNS no
MaxStartups 200
MaxSessions 100
PidFile none
Subsystem sftp internal-sftp
"""


def run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


def mount(kind: str, place: Path, options: str = "") -> None:
    run("mount", "-t", kind, *(("-o", options) if options else ()), "host", str(place))


def main() -> None:
    print(json.dumps({"pid": int(os.readlink("/proc/self"))}), flush=True)
    config = json.loads(sys.stdin.readline())
    try:
        set_up(config)
    except (RuntimeError, OSError) as problem:
        print(json.dumps({"failed": str(problem)}), flush=True)
        return
    print(json.dumps({"up": True}), flush=True)
    watch()


def set_up(config: dict[str, Any]) -> None:
    socket.sethostname(config["name"])
    disk, root = Path(config["place"]), Path(config["place"]) / "root.merged"
    root.mkdir(exist_ok=True)
    mount("overlay", root, f"lowerdir=/,upperdir={disk}/upper,workdir={disk}/work")
    system_folders(root, disk)
    if not (root / "etc" / "weilu-host").exists():
        first_boot(root, config)
    # the same in each life, or the machine would ask the card of the last one for a minute
    card = "02:00:" + ":".join(f"{int(part):02x}" for part in config["address"].partition("/")[0].split("."))
    run("ip", "link", "set", "eth0", "address", card)
    run("ip", "addr", "add", config["address"], "dev", "eth0")
    for name in ("eth0", "lo"):
        run("ip", "link", "set", name, "up")
    enter(root)


def system_folders(root: Path, disk: Path) -> None:
    """What a booted machine has: its devices, empty /tmp and /run, and a boot id of this life."""
    mount("proc", root / "proc")
    run("mount", "-t", "sysfs", "-o", "ro", "host", str(root / "sys"))
    mount("tmpfs", root / "dev", "mode=755,size=1m")
    for name, (major, minor) in DEVICES.items():
        place = root / "dev" / name
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        place.chmod(0o666)
    for folder in ("pts", "shm"):
        (root / "dev" / folder).mkdir()
    mount("devpts", root / "dev" / "pts", "newinstance,ptmxmode=0666,mode=620")
    (root / "dev" / "ptmx").symlink_to("pts/ptmx")
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (root / "dev" / name).symlink_to(target)
    for folder, mode in (("dev/shm", "1777"), ("tmp", "1777"), ("run", "755")):
        mount("tmpfs", root / folder, f"mode={mode},size=64m")
    for folder in ("root", "home"):  # the machine's own are nobody's business here
        run("mount", "--bind", str(disk / folder), str(root / folder))
    (root / "run" / "sshd").mkdir()
    boot = root / "run" / "boot_id"
    boot.write_text(Path("/proc/sys/kernel/random/uuid").read_text())
    run("mount", "--bind", str(boot), str(root / "proc/sys/kernel/random/boot_id"))


def first_boot(root: Path, config: dict[str, Any]) -> None:
    etc = root / "etc"
    for name in ("hostname", "machine-id", "hosts", "resolv.conf"):
        (etc / name).unlink(missing_ok=True)
    (etc / "hostname").write_text(config["name"] + "\n")
    (etc / "machine-id").write_text(config["machine"] + "\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{config['address'].partition('/')[0]} {config['name']}\n")
    (etc / "resolv.conf").write_text("")
    shutil.rmtree(etc / "ssh", ignore_errors=True)
    (etc / "ssh").mkdir()
    (etc / "ssh" / "sshd_config").write_text(SSHD)
    (etc / "ssh" / "authorized_keys").write_text(config["authorized"] + "\n")
    (etc / "ssh" / "host_key").write_text(config["host_key"])
    (etc / "ssh" / "host_key").chmod(0o600)
    people(root)
    (etc / "weilu-host").write_text(config["name"] + "\n")


def people(root: Path) -> None:
    """sshd's own user, root without a password, and `ops`, a plain user who may use sudo where there is one."""
    known = (root / "etc/passwd").read_text()
    new = [("ops", 2001, "/home/ops", "/bin/bash")]
    if "\nsshd:" not in known:
        new.append(("sshd", 2002, "/run/sshd", "/usr/sbin/nologin"))
    for name, number, home, shell in new:
        append(root / "etc/passwd", f"{name}:x:{number}:{number}::{home}:{shell}")
        append(root / "etc/shadow", f"{name}:*:20000:0:99999:7:::")
        append(root / "etc/group", f"{name}:x:{number}:")
    (root / "home/ops").mkdir()
    os.chown(root / "home/ops", 2001, 2001)
    shadow = (root / "etc/shadow").read_text().splitlines()
    kept = ["root:*:20000:0:99999:7:::", *(line for line in shadow if not line.startswith("root:"))]
    (root / "etc/shadow").write_text("\n".join(kept) + "\n")
    if (root / "etc/sudoers.d").is_dir():
        (root / "etc/sudoers.d/ops").write_text("ops ALL=(ALL) NOPASSWD: ALL\n")


def append(place: Path, line: str) -> None:
    text = place.read_text()
    place.write_text(text + ("" if text.endswith("\n") else "\n") + line + "\n")


def enter(root: Path) -> None:
    """The overlay becomes the root, and the machine's own file system is gone from here."""
    (root / "mnt").mkdir(exist_ok=True)
    os.chdir(root)
    run("pivot_root", ".", "mnt")
    os.chdir("/")
    run("umount", "--lazy", "/mnt")


def watch() -> None:
    sshd = serve()
    while True:
        try:
            gone, _ = os.wait()
        except ChildProcessError:
            return
        if gone == sshd:
            sshd = serve()


def serve() -> int:
    """sshd's process id; `os.wait` above is who hears of its end."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with open("/run/sshd.log", "ab") as log:
        return os.posix_spawn(
            "/usr/sbin/sshd", ["/usr/sbin/sshd", "-D", "-e"], {"PATH": path, "LANG": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
            ],
        )  # fmt: skip


if __name__ == "__main__":
    main()
