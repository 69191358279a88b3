"""Own packages in an own signed repository: `jzhello`, a service that answers HTTP on port 8080 with its version.

1.0.0 and 1.1.0 are good, 1.2.0 installs and then answers 500, 1.3.0 fails while it is being installed. Each
configuring adds a line to /var/lib/jzhello/configured on the host: what proves that it happened once.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.hosts.site import RealHost, python

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
PORT = 8080
HOST_FOLDER = "/srv/packages"
CONTROL = """Package: jzhello
Version: {version}
Architecture: all
Maintainer: Tests <tests@example.cn>
Description: answers with its version
"""
SERVE = """import http.server, pathlib
VERSION = pathlib.Path("/usr/lib/jzhello/version").read_text().strip()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = VERSION.encode()
        self.send_response(500 if VERSION == "1.2.0" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("", {port}), Answer).serve_forever()
"""
INIT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: jzhello
# Required-Start: $network
# Required-Stop: $network
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: answers with its version
### END INIT INFO
PID=/run/jzhello.pid
start() {{
    start-stop-daemon --start --oknodo --background --make-pidfile --pidfile $PID \\
        --exec {python} -- /usr/lib/jzhello/serve.py
}}
stop() {{ start-stop-daemon --stop --oknodo --retry 5 --remove-pidfile --pidfile $PID; }}
case "$1" in
    start) start ;;
    stop) stop ;;
    restart|force-reload) stop; start ;;
    status) start-stop-daemon --status --pidfile $PID && echo running || {{ echo stopped; exit 3; }} ;;
    *) echo "usage: $0 start|stop|restart|status"; exit 2 ;;
esac
"""
POSTINST = """#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
mkdir -p /var/lib/jzhello
echo "{version}" >> /var/lib/jzhello/configured
{trouble}
/etc/init.d/jzhello restart
"""
PRERM = "#!/bin/sh\n[ ! -x /etc/init.d/jzhello ] || /etc/init.d/jzhello stop || true\n"


@dataclass(frozen=True)
class Repository:
    """The folder of a signed APT repository with jzhello in all versions."""

    folder: Path

    def give(self, host: RealHost) -> None:
        """The host's apt sees this repository and no other; jzhello is not installed yet."""
        host.put(self.folder, HOST_FOLDER)
        host.write(
            "/etc/apt/apt.conf.d/99weilu-tests",
            'Dir::Etc::SourceList "/etc/apt/weilu-tests.list";\nDir::Etc::SourceParts "-";\n'
            'APT::Sandbox::User "root";\nAcquire::Languages "none";\nDPkg::Options { "--force-unsafe-io"; };\n',
        )
        source = f"deb [signed-by={HOST_FOLDER}/key.gpg] file:{HOST_FOLDER} ./\n"
        host.write("/etc/apt/weilu-tests.list", source)
        host.run("apt-get", "update", "-qq")

    def deb(self, version: str) -> Path:
        return self.folder / f"jzhello_{version}_all.deb"


def installed(host: RealHost) -> str:
    """The version dpkg knows as installed whole; empty when there is none."""
    told = host.run("dpkg-query", "-W", "-f", "${Status}|${Version}", "jzhello", check=False)
    status, _, version = told.partition("|")
    return version if status == "install ok installed" else ""


def configured(host: RealHost) -> list[str]:
    """The counter on the target: each time the package's set-up ran."""
    return host.run("cat", "/var/lib/jzhello/configured", check=False).split()


def build_repository(folder: Path) -> Repository:
    """Build the packages, index and sign them with a key made now. `folder` is made."""
    folder.mkdir(parents=True)
    for version in VERSIONS:
        _build(folder, version)
    index = _said(["apt-ftparchive", "packages", "."], folder)
    (folder / "Packages").write_text(index)
    release = ["apt-ftparchive", "-o", "APT::FTPArchive::Release::Suite=tests", "release", "."]
    (folder / "Release").write_text(_said(release, folder))
    _sign(folder)
    return Repository(folder)


def _said(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def _build(folder: Path, version: str) -> None:
    tree = folder.parent / f"tree-{version}"
    trouble = 'echo "cannot convert the data" >&2; exit 1' if version == "1.3.0" else ""
    files = {
        "DEBIAN/control": CONTROL.format(version=version),
        "DEBIAN/conffiles": "/etc/jzhello.conf\n/etc/init.d/jzhello\n",
        "DEBIAN/postinst": POSTINST.format(version=version, trouble=trouble),
        "DEBIAN/prerm": PRERM,
        "etc/init.d/jzhello": INIT.format(python=python()),
        "etc/jzhello.conf": "greeting = 您好\n",
        "usr/lib/jzhello/version": version + "\n",
        "usr/lib/jzhello/serve.py": SERVE.replace("{port}", str(PORT)),
    }
    for name, text in files.items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o755 if name in ("DEBIAN/postinst", "DEBIAN/prerm", "etc/init.d/jzhello") else 0o644)
    _said(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(folder)], folder)


def _sign(folder: Path) -> None:
    home = folder.parent / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    try:
        _said([*gpg, "--quick-generate-key", "tests@example.cn", "ed25519", "sign", "never"], folder)
        _said([*gpg, "--clearsign", "--output", "InRelease", "Release"], folder)
        _said([*gpg, "--output", "key.gpg", "--export"], folder)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True)
