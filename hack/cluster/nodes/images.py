"""The images on a real node, put together here: no registry is asked.

Each node starts with those that hold one program of our own, `app`; others can be added to a node that runs.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
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
    """What an image is called, its layers (tar archives), and how its program is called: OCI's `config`."""

    name: str
    layers: tuple[bytes, ...]
    config: Mapping[str, object]


def of_program(program: Path) -> tuple[Image, ...]:
    """The images that a node starts with."""
    layer = _layer(_PROGRAM, program.read_bytes(), 0o755)  # one for all

    def image(name: str, version: str, *words: str) -> Image:
        layers = layer, _layer("version", version.encode(), 0o644)
        return Image(name, layers, {"Entrypoint": [f"/{_PROGRAM}", *words], "Env": ["PATH=/"]})

    return (
        image(PAUSE, "pause", "pause"),
        image(APP_1, "1"),
        image(APP_2, "2"),
        image(FAILING, "failing", "fail"),
    )


def write_archive(archive: Path, images: Iterable[Image]) -> None:
    """Writes an archive (OCI image layout) that `ctr images import` understands."""
    blobs: dict[str, bytes] = {}
    index = {"schemaVersion": 2, "manifests": [_add(image, blobs) for image in images]}
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)}
    files |= {f"blobs/sha256/{digest}": blob for digest, blob in blobs.items()}
    draft = archive.with_suffix(".draft")
    with tarfile.open(draft, "w") as tar:
        for name, content in files.items():
            _add_file(tar, name, content, 0o644)
    draft.rename(archive)


def _add(image: Image, blobs: dict[str, bytes]) -> dict[str, Any]:
    """Puts an image among the blobs; returns its line in the index."""

    def blob(kind: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layers = [blob("layer.v1.tar", content) for content in image.layers]
    settings = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(image.config),
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
