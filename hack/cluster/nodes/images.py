"""The images on a real node, put together here: no registry is asked. Each holds one program of our own, `app`."""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAUSE = "windlass.test/pause:1"
APP_1, APP_2 = "windlass.test/app:1", "windlass.test/app:2"  # alike, but for what they answer on /version
FAILING = "windlass.test/failing:1"  # it ends with an error at once

_OCI = "application/vnd.oci.image"
_PROGRAM = "app"


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is called, which version its program reports, and with which words the program is called."""

    name: str
    version: str
    words: tuple[str, ...] = ()


IMAGES = (
    Image(PAUSE, "pause", ("pause",)),
    Image(APP_1, "1"),
    Image(APP_2, "2"),
    Image(FAILING, "failing", ("fail",)),
)


def write_archive(program: Path, archive: Path, images: Sequence[Image] = IMAGES) -> None:
    """Writes an archive (OCI image layout) that `ctr images import` understands."""
    blobs: dict[str, bytes] = {}
    layer = _layer(_PROGRAM, program.read_bytes(), 0o755)  # one for all
    manifests = [_add(image, layer, blobs) for image in images]
    index = {"schemaVersion": 2, "manifests": manifests}
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)}
    files |= {f"blobs/sha256/{digest}": blob for digest, blob in blobs.items()}
    draft = archive.with_suffix(".draft")
    with tarfile.open(draft, "w") as tar:
        for name, content in files.items():
            _add_file(tar, name, content, 0o644)
    draft.rename(archive)


def _add(image: Image, layer: bytes, blobs: dict[str, bytes]) -> dict[str, Any]:
    """Puts an image among the blobs; returns its line in the index."""

    def blob(kind: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layers = [blob("layer.v1.tar", content) for content in (layer, _layer("version", image.version.encode(), 0o644))]
    settings = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [f"/{_PROGRAM}", *image.words], "Env": ["PATH=/"]},
        "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": blob("config.v1+json", _json(settings)),
        "layers": layers,
    }
    return blob("manifest.v1+json", _json(manifest)) | {"annotations": {"io.containerd.image.name": image.name}}


def _layer(name: str, content: bytes, mode: int) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        _add_file(tar, name, content, mode)
    return written.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    """Without owner and time: the same program makes the same image."""
    file = tarfile.TarInfo(name)
    file.size, file.mode = len(content), mode
    tar.addfile(file, io.BytesIO(content))


def _json(content: object) -> bytes:
    return json.dumps(content).encode()
