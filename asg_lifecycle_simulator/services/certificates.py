"""The certificates of servers on loopback, as EKS makes those of clusters: all of one authority.

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
def certificates(host: str = LOOPBACK) -> Certificates:
    """Return the certificates of a server; making them takes a moment.

    Args:
        host: its DNS name or address.
    """
    authority_key, authority = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _valid(_name("kube-apiserver"), authority.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return Certificates(authority=authority.public_bytes(pem), server=server.public_bytes(pem), key=private)


@cache
def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("kubernetes")
    authority = (
        _valid(name, name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, authority


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


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
