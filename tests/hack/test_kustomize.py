"""What docs/install.md says to people who use Kustomize."""

import shutil
import subprocess
from pathlib import Path

import yaml

from hack.cluster import tool
from hack.kind.documents import yaml_of

ROOT = Path(__file__).parents[2]


def test_a_group_follows_its_configuration_to_its_new_name(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "install.md").read_text()
    shutil.copy(ROOT / "examples" / "refresh.yaml", tmp_path)
    (tmp_path / "windlass-names.yaml").write_text(yaml_of(text, "nameReference:"))
    named = "resources: [refresh.yaml]\nnamePrefix: team-\n" + yaml_of(text, "configurations:")
    (tmp_path / "kustomization.yaml").write_text(named)

    built = subprocess.run([tool("kubernetes", "kubectl"), "kustomize", tmp_path], capture_output=True, check=True)

    by_kind = {thing["kind"]: thing for thing in yaml.safe_load_all(built.stdout)}
    assert by_kind["ScalingConfiguration"]["metadata"]["name"] == "team-kiosk"
    assert by_kind["ScalingGroup"]["spec"]["configuration"] == {"scalingConfiguration": "team-kiosk"}
    assert by_kind["InstanceRefresh"]["spec"]["scalingGroup"] == "team-kiosk"
