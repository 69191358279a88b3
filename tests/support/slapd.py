"""A real directory for tests: OpenLDAP's slapd on loopback, in clear, with STARTTLS and with TLS."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from weilu.kernel.times import now

HELP = "apt-get install -y slapd（以 root）"
ADMIN, ADMIN_PASSWORD = "cn=admin,dc=example,dc=cn", "searches only"
ENTRY = """
dn: uid={uid},ou=people,dc=example,dc=cn
objectClass: inetOrgPerson
uid: {uid}
cn: {name}
sn: {name}
userPassword: {password}
"""
TREE = """dn: dc=example,dc=cn
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: ou=people,dc=example,dc=cn
objectClass: organizationalUnit
ou: people
"""
CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {home}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {home}/cert.pem
TLSCertificateKeyFile {home}/key.pem
database mdb
suffix "dc=example,dc=cn"
rootdn "{admin}"
rootpw "{password}"
directory {home}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{admin}" read by * none
"""


@dataclass
class Directory:
    """Where the directory listens, and the certificate it shows."""

    plain: str
    tls: str
    ca: Path
    process: "subprocess.Popen[bytes]"


@contextmanager
def running(home: Path, people: list[tuple[str, str, str]]) -> Iterator[Directory]:
    """slapd with `people` (uid, name, password); skips the test with the remedy where there is no slapd."""
    program = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not program:
        pytest.skip(f"没有 slapd；{HELP}")
    (home / "data").mkdir()
    _certificate(home)
    (home / "slapd.conf").write_text(CONF.format(home=home, admin=ADMIN, password=ADMIN_PASSWORD))
    ldif = TREE + "".join(ENTRY.format(uid=uid, name=name, password=word) for uid, name, word in people)
    add = [str(Path(program).with_name("slapadd")), "-f", str(home / "slapd.conf")]
    subprocess.run(add, input=ldif.encode(), check=True, capture_output=True, timeout=60)
    plain, tls = (f"{scheme}://127.0.0.1:{_free_port()}" for scheme in ("ldap", "ldaps"))
    command = [program, "-d", "0", "-h", f"{plain} {tls}", "-f", str(home / "slapd.conf")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(int(tls.rpartition(":")[2]), process)
        yield Directory(plain, tls, home / "cert.pem", process)
    finally:
        process.terminate()
        process.wait(20)


def _certificate(home: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("127.0.0.1")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).add_extension(names, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.not_valid_before(now() - timedelta(days=1)).not_valid_after(now() + timedelta(days=1))
    (home / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (home / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert process.poll() is None, "slapd ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("slapd does not listen")
