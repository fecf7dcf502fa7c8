"""`make kind-test` runs what the documents show: all of it, as it stands there."""

from pathlib import Path

import pytest
import yaml

from hack.kind.documents import Block, Command, blocks_of, inline_commands_of, notes_commands, yaml_of
from hack.kind.trial import INSTALL, NOT_RUN, PLAN, README, Inline, Shown, normal

ROOT = Path(__file__).parents[2]
MARKDOWN = """# Title

Do `kubectl get
pods` or `kubectl apply`, then `make image`; `A=1 hack/image` takes a setting.

## One

```console
$ kubectl scale web \\
    --replicas=5
web scaled
$ kubectl get web
```

```yaml
kind: A
```

```
helm install a b
helm install c d   # why
```

| a | `IMAGE=x hack/image now` |
"""


def test_blocks_are_read_with_what_they_print() -> None:
    assert blocks_of(MARKDOWN) == [
        Block("One", 0, (Command("kubectl scale web \\\n    --replicas=5", "web scaled"), Command("kubectl get web"))),
        Block("One", 1, (Command("helm install a b"), Command("helm install c d   # why"))),
    ]


def test_whole_commands_within_a_sentence_are_read() -> None:
    assert inline_commands_of(MARKDOWN) == ["kubectl get pods", "A=1 hack/image", "IMAGE=x hack/image now"]


def test_a_manifest_is_found_by_its_first_line() -> None:
    assert yaml_of(MARKDOWN, "kind: A") == "kind: A\n"
    with pytest.raises(ValueError, match="no YAML block begins with 'kind: B'"):
        yaml_of(MARKDOWN, "kind: B")


def test_notes_are_read_with_what_they_hand_to_a_command() -> None:
    notes = "See:\n\n  kubectl get a\n\n  kubectl apply -f - <<EOF\n  kind: A\n  spec:\n    b: 1\n  EOF\n  kubectl b"
    apply = "kubectl apply -f - <<EOF\nkind: A\nspec:\n  b: 1\nEOF"
    assert notes_commands(notes) == ["kubectl get a", apply, "kubectl b"]


def test_times_blanks_and_hashes_may_differ_and_words_may_not() -> None:
    assert normal("├─ Pod/web-0   Ready  4s\n") == normal("└─ Pod/web-0 Ready 2m46s")
    assert normal("Revision/web-4da945fb37 after +2s") == normal("Revision/web-0123456789 after +11s")
    assert normal("3 in service") != normal("4 in service")
    assert normal("web-a2") != normal("web-a3")


@pytest.mark.parametrize("document", [README, INSTALL])
def test_every_command_of_the_documents_is_run_or_has_a_reason(document: str) -> None:
    text = (ROOT / document).read_text()
    shown = {Shown(document, block.heading, block.number) for block in blocks_of(text)}
    shown |= {Inline(document, command) for command in inline_commands_of(text)}
    planned = {step for step in PLAN if isinstance(step, Shown | Inline)} | NOT_RUN.keys()
    assert shown == {step for step in planned if step.document == document}


def test_the_first_group_of_the_readme_is_the_example() -> None:
    shown = yaml_of((ROOT / README).read_text(), "apiVersion: windlass.dev/v1alpha1")
    example = (ROOT / "examples" / "first-group.yaml").read_text()
    assert list(yaml.safe_load_all(shown)) == list(yaml.safe_load_all(example))
