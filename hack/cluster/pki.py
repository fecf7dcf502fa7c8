"""Keys and certificates of one API server: its own certificate authority, ECDSA throughout.

Everything is made once, into a folder that only its owner can read, and is thrown away with the cluster.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVICE_IP_RANGE = "10.96.0.0/16"
_KUBERNETES_SERVICE_IP = "10.96.0.1"  # the first address of the range, which the API server takes for itself
_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_SERVER_ADDRESSES = ("127.0.0.1", _KUBERNETES_SERVICE_IP)
_LIFETIME = dt.timedelta(days=3650)
_MASTERS = "system:masters"

# Who has a client certificate: file name → (common name, organisation).
CLIENTS = {
    "admin": ("admin", _MASTERS),
    "kube-controller-manager": ("system:kube-controller-manager", None),
    "kube-scheduler": ("system:kube-scheduler", None),
    "kwok": ("kwok", _MASTERS),
}


def create(folder: Path) -> None:
    """Fills the folder with `<name>.crt` and `<name>.key`, unless an earlier call has finished doing so."""
    finished = folder / "finished"
    if finished.exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _Authority.create(folder, "ca")
    authority.issue("kube-apiserver", "kube-apiserver", server=True)
    for name, (common_name, organisation) in CLIENTS.items():
        authority.issue(name, common_name, organisation)
    _Authority.create(folder, "front-proxy-ca").issue("front-proxy-client", "front-proxy-client")
    _service_account_key(folder)
    finished.touch()


def create_for_node(folder: Path, node: str) -> None:
    """Adds what a kubelet shows to the API server: `<node>.crt` and `<node>.key`, unless they are there."""
    if not (folder / f"{node}.crt").exists():
        _Authority.load(folder, "ca").issue(node, f"system:node:{node}", "system:nodes")


class _Authority:
    """A certificate authority that signs what it is asked to."""

    def __init__(self, folder: Path, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        self._folder = folder
        self._key = key
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    @classmethod
    def create(cls, folder: Path, name: str) -> Self:
        authority = cls(folder, name, _new_key(folder / f"{name}.key"))
        builder = authority._builder(authority._subject, authority._key.public_key(), is_authority=True)
        _write_certificate(folder / f"{name}.crt", builder.sign(authority._key, hashes.SHA256()))
        return authority

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - `create` made it
        return cls(folder, name, key)

    def issue(self, name: str, common_name: str, organisation: str | None = None, *, server: bool = False) -> None:
        key = _new_key(self._folder / f"{name}.key")
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organisation:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(x509.Name(attributes), key.public_key()).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if server:
            builder = builder.add_extension(x509.SubjectAlternativeName(_server_names()), critical=False)
        _write_certificate(self._folder / f"{name}.crt", builder.sign(self._key, hashes.SHA256()))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool = False
    ) -> x509.CertificateBuilder:
        began = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)  # clocks differ
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder(issuer_name=self._subject, subject_name=subject, public_key=key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + _LIFETIME)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer_key, critical=False)
        )


def _server_names() -> Sequence[x509.GeneralName]:
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in _SERVER_ADDRESSES]
    return [*(x509.DNSName(name) for name in _SERVER_NAMES), *addresses]


def _service_account_key(folder: Path) -> None:
    key = _new_key(folder / "service-account.key")
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "service-account.pub").write_bytes(public)


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return key


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
