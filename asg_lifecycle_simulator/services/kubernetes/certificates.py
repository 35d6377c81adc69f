"""The certificates of simulated clusters, as EKS makes them.

EKS's own authority says that it is one and nothing else: it has no key identifiers, so what it signs has none either.
Source: "urllib3 v2.4.0 on Python 3.13 doesn't work with EKS" (kubernetes-client/python, issue 2394).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

LOOPBACK = "127.0.0.1"
FROM, UNTIL = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2049, 1, 1, tzinfo=dt.UTC)


class Certificates(Struct, frozen=True, kw_only=True):
    """What a server on loopback is known by; each PEM.

    Attributes:
        authority: the certificate of who signed the server's.
        server: the server's certificate.
        key: the server's key.
    """

    authority: bytes
    server: bytes
    key: bytes

    def context(self) -> ssl.SSLContext:
        """Return what a server serves with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "chain.pem"
            chain.write_bytes(self.server + self.key)
            context.load_cert_chain(chain)
        return context


@cache
def certificates() -> Certificates:
    """Return the certificates of every simulated cluster; making them takes a moment."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("kubernetes")
    authority = (
        _valid(authority_name, authority_name)
        .public_key(authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _valid(_name("kube-apiserver"), authority_name)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return Certificates(authority=authority.public_bytes(pem), server=server.public_bytes(pem), key=private)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _valid(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
    )
