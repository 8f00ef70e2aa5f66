"""A certificate authority for tests, and what it issues: good certificates, and ones that must be refused."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_LOOPBACK = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")))
_ELSEWHERE = (x509.DNSName("elsewhere.example"),)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both as PEM files."""

    cert: Path
    key: Path

    def server_context(self, *, client_ca: Path | None = None) -> ssl.SSLContext:
        """For a server with this certificate; with `client_ca`, one that wants a client certificate from there."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        context.set_alpn_protocols(["http/1.1"])
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True, slots=True)
class Certificates:
    """What `make_certificates` makes. All names are for `localhost` and 127.0.0.1, unless said otherwise."""

    ca: Path
    """The authority that clients are to trust."""
    server: KeyPair
    expired: KeyPair
    """Good until yesterday."""
    wrong_host: KeyPair
    """For `elsewhere.example` only."""
    stranger: KeyPair
    """Issued by an authority that nobody trusts."""
    client: KeyPair
    """For a client that proves who it is."""

    def server_context(self) -> ssl.SSLContext:
        """For a server whose certificate is good."""
        return self.server.server_context()


@dataclass(frozen=True, slots=True)
class _Authority:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def make_certificates(directory: Path) -> Certificates:
    """Make all of them in `directory`. Keys are on P-256, so it takes a few milliseconds."""
    now = datetime.datetime.now(datetime.UTC)
    valid, past = (now - _DAY, now + 30 * _DAY), (now - 30 * _DAY, now - _DAY)
    known, unknown = (_authority(directory, name, valid) for name in ("ca", "unknown-ca"))
    return Certificates(
        ca=directory / "ca.pem",
        server=_issue(directory, "server", known, _LOOPBACK, valid),
        expired=_issue(directory, "expired", known, _LOOPBACK, past),
        wrong_host=_issue(directory, "wrong-host", known, _ELSEWHERE, valid),
        stranger=_issue(directory, "stranger", unknown, _LOOPBACK, valid),
        client=_issue(directory, "client", known, (), valid),
    )


_Validity = tuple[datetime.datetime, datetime.datetime]


def _authority(directory: Path, name: str, validity: _Validity) -> _Authority:
    key, subject = ec.generate_private_key(ec.SECP256R1()), _named(f"dlm test {name}")
    builder = _builder(subject, subject, key, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    (directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return _Authority(subject, key)


def _issue(
    directory: Path, name: str, authority: _Authority, hosts: tuple[x509.GeneralName, ...], validity: _Validity
) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(_named(f"dlm test {name}"), authority.name, key, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    pair = KeyPair(directory / f"{name}.pem", directory / f"{name}.key")
    pair.cert.write_bytes(builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pair


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, validity: _Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
