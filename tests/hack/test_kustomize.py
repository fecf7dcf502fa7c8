"""What docs/install.md says to people who use Kustomize."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from hack.cluster import tool
from hack.kind.documents import yaml_of

ROOT = Path(__file__).parents[2]


SET_AND_TARGET = """\
apiVersion: windlass.dev/v1alpha1
kind: StackSet
metadata: {name: bases}
spec:
  dependsOn: [catalog]
  template: {configMapRef: {name: manifests, key: all.yaml}}
  variablesFrom: {secretRef: {name: kubeconfig, key: prod.tfvars}}
---
apiVersion: windlass.dev/v1alpha1
kind: StackTarget
metadata: {name: far}
spec: {region: far, account: acme, cluster: {kubeconfigSecretRef: {name: kubeconfig}}}
"""
GENERATED = """\
configMapGenerator: [{name: manifests, literals: [all.yaml=]}]
secretGenerator: [{name: kubeconfig, literals: [kubeconfig=]}]
"""


def built(folder: Path, *resources: str, more: str = "") -> list[dict[str, Any]]:
    """What Kustomize makes of these files and more, with a prefix, as the page says."""
    text = (ROOT / "docs" / "install.md").read_text()
    (folder / "windlass-names.yaml").write_text(yaml_of(text, "nameReference:"))
    named = f"resources: [{', '.join(resources)}]\nnamePrefix: team-\n{more}" + yaml_of(text, "configurations:")
    (folder / "kustomization.yaml").write_text(named)
    ran = subprocess.run([tool("kubernetes", "kubectl"), "kustomize", folder], capture_output=True, check=True)
    return list(yaml.safe_load_all(ran.stdout))


def test_a_group_follows_its_configuration_to_its_new_name(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "refresh.yaml", tmp_path)
    by_kind = {thing["kind"]: thing for thing in built(tmp_path, "refresh.yaml")}
    assert by_kind["ScalingConfiguration"]["metadata"]["name"] == "team-kiosk"
    assert by_kind["ScalingGroup"]["spec"]["configuration"] == {"scalingConfiguration": "team-kiosk"}
    assert by_kind["InstanceRefresh"]["spec"]["scalingGroup"] == "team-kiosk"


UPDATES = """\
apiVersion: windlass.dev/v1alpha1
kind: RollingUpdate
metadata: {name: curl}
spec: {scalingGroup: bakery, kind: Package, package: {name: curl, version: "8", source: packages}}
---
apiVersion: windlass.dev/v1alpha1
kind: RollingUpdate
metadata: {name: no-curl}
spec: {scalingGroup: bakery, kind: Package, invoke: Rollback, rollbackOf: curl}
"""


def test_updates_follow_what_they_name(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "rolling-update.yaml", tmp_path)
    (tmp_path / "updates.yaml").write_text(UPDATES)
    packages = "configMapGenerator: [{name: packages, literals: [install=]}]\n"
    things = built(tmp_path, "rolling-update.yaml", "updates.yaml", more=packages)
    by_name = {(thing["kind"], thing["metadata"]["name"]): thing.get("spec") for thing in things}
    curl = by_name["RollingUpdate", "team-curl"]
    assert curl["scalingGroup"] == "team-bakery"
    assert ("ConfigMap", curl["package"]["source"]) in by_name
    assert by_name["RollingUpdate", "team-no-curl"]["rollbackOf"] == "team-curl"


def test_stack_sets_and_targets_follow_what_they_name(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "member-clusters.yaml", tmp_path)
    (tmp_path / "bases.yaml").write_text(SET_AND_TARGET)
    things = built(tmp_path, "member-clusters.yaml", "bases.yaml", more=GENERATED)
    by_name = {(thing["kind"], thing["metadata"]["name"]): thing.get("spec") for thing in things}
    assert by_name["StackSetOperation", "team-catalog-eu"]["stackSet"] == "team-catalog"
    bases, far = by_name["StackSet", "team-bases"], by_name["StackTarget", "team-far"]
    assert bases["dependsOn"] == ["team-catalog"]
    assert ("ConfigMap", bases["template"]["configMapRef"]["name"]) in by_name
    assert ("Secret", bases["variablesFrom"]["secretRef"]["name"]) in by_name
    assert ("Secret", far["cluster"]["kubeconfigSecretRef"]["name"]) in by_name
