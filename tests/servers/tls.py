"""A certificate authority for the tests, created with the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1, DNS:localhost
"""


@dataclass(frozen=True)
class Certificates:
    """The authority to trust, and the server's chain and key."""

    authority: Path
    chain: Path
    key: Path


def has_openssl() -> bool:
    return shutil.which("openssl") is not None


def make_certificates(folder: Path) -> Certificates:
    """Create an authority and a certificate for 127.0.0.1."""
    for name in ("authority", "server"):
        (folder / f"{name}.cnf").write_text(_CONFIG.format(name=f"mtstore test {name}"))
        _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
    _openssl(
        folder, "req", "-x509", "-new", "-key", "authority.key", "-days", "2", "-out", "authority.pem",
        "-config", "authority.cnf", "-extensions", "authority",
    )  # fmt: skip
    _openssl(folder, "req", "-new", "-key", "server.key", "-out", "server.csr", "-config", "server.cnf")
    _openssl(
        folder, "x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
        "-CAcreateserial", "-days", "2", "-out", "server.pem", "-extfile", "server.cnf", "-extensions", "server",
    )  # fmt: skip
    return Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
