"""A template with its variables filled in: what comes of each scalar, and what is no template."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.api.stacks import MAX_FILE_BYTES
from windlass.planner.reason import Reason
from windlass.planner.stackset.documents import MAX_DEPTH, MAX_NODES, resolved
from windlass.planner.stackset.reasons_variables import (
    NoManifest,
    NullInText,
    ObjectTwice,
    RenderedTooLarge,
    TemplateEmpty,
    TemplateExpandsTooFar,
    TemplateTooDeep,
    TemplateTooLarge,
    TemplateUnreadable,
    TooManyObjects,
    UnknownVariables,
)
from windlass.planner.stackset.render import Manifest, names_in, render
from windlass.planner.stackset.tfvars import Value

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"
BUILT_IN = {"windlass.region": "eu", "windlass.account": "shop", "windlass.stackSet": "front"}
VALUES: dict[str, Value] = {
    "text": "blue",
    "empty": "",
    "number": 3,
    "fraction": 0.5,
    "yes": True,
    "nothing": None,
    "list": [80, "a"],
    "map": {"a": {"b": None}},
    "yaml": "a: b\n- c # d",
    "digits": "0755",
    "dollars": "${text} $$",
}


def manifests(template: str, values: Mapping[str, Value] = VALUES) -> tuple[Manifest, ...]:
    found = render(template, values, BUILT_IN)
    assert isinstance(found, tuple), found
    return found


def body(template: str, values: Mapping[str, Value] = VALUES) -> Mapping[str, Any]:
    [only] = manifests(template, values)
    return only.body


def refused(template: str, values: Mapping[str, Value] = VALUES) -> Reason:
    found = render(template, values, BUILT_IN)
    assert isinstance(found, Reason)
    return found


# ---- what comes of a scalar

# as it stands in the template, value
SCALARS: dict[str, tuple[str, Any]] = {
    "text": ("${text}", "blue"),
    "no text": ("${empty}", ""),
    "a number": ("${number}", 3),
    "a boolean": ("${yes}", True),
    "null": ("${nothing}", None),
    "a list": ("${list}", [80, "a"]),
    "a map": ("${map}", {"a": {"b": None}}),
    "text that looks like a number": ("${digits}", "0755"),
    "text that looks like YAML": ("${yaml}", "a: b\n- c # d"),
    "text that looks like a template": ("${dollars}", "${text} $$"),
    "a number in double quotes": ('"${number}"', "3"),
    "a number in single quotes": ("'${number}'", "3"),
    "a number in a block": ("|\n  ${number}\n", "3\n"),
    "a number with a tag": ("!!str ${number}", "3"),
    "a list in quotes": ("'${list}'", '[80,"a"]'),
    "text in longer text": ("web-${text}-1", "web-blue-1"),
    "a number in longer text": ("v${number}", "v3"),
    "a number behind a digit": ("1${number}", "13"),
    "two numbers": ("${number}${number}", "33"),
    "a fraction and a boolean": ("${fraction} ${yes}", "0.5 true"),
    "a map in longer text": ("x ${map}", 'x {"a":{"b":null}}'),
    "YAML in longer text": ("x ${yaml}", "x a: b\n- c # d"),
    "a template in longer text": ("x ${dollars}", "x ${text} $$"),
    "a built-in name": ("${windlass.region}-${windlass.account}-${windlass.stackSet}", "eu-shop-front"),
    "a default that is not needed": ("${text:-red}", "blue"),
    "a default for no text": ("${empty:-red}", ""),
    "a default for null": ("${nothing:-red}", "red"),
    "a default for one that is not there": ("${colour:-red}", "red"),
    "a default that is a number": ("${count:-2}", 2),
    "a default that is a number, in quotes": ('"${count:-2}"', "2"),
    "a default that is a boolean": ("${on:-no}", False),
    "a default that is nothing": ("${colour:-}", None),
    "a default that is nothing, in text": ('"${colour:-}"', ""),
    "a default in longer text": ("web-${colour:-02}", "web-02"),
    "a default with signs": ('"${colour:-a:-b, c}"', "a:-b, c"),
    "a dollar": ("$$", "$"),
    "two dollars": ("$$$$", "$$"),
    "what would be a variable": ("$${text}", "${text}"),
    "a dollar before a variable": ("$$${text}", "$blue"),
    "other dollars": ("$(POD_NAME) $5 ${text} $", "$(POD_NAME) $5 blue $"),
    "a dollar in an escape": (r'"\x24{text}"', "blue"),
    "braces without a dollar": ("'{text}'", "{text}"),
}


@pytest.mark.parametrize(("written", "value"), SCALARS.values(), ids=SCALARS)
def test_scalars(written: str, value: Any) -> None:
    found = body(f"{HEAD}data: {written}")["data"]

    assert found == value
    assert type(found) is type(value)


# as it stands in the template, key
KEYS: dict[str, tuple[str, str]] = {
    "text": ("${text}", "blue"),
    "longer text": ("app.${windlass.region}/${text}", "app.eu/blue"),
    "a number": ("${number}", "3"),
    "a number that is written there": ("8080", "8080"),
    "a default": ("${port:-80}", "80"),
    "a dollar": ("$$", "$"),
}


@pytest.mark.parametrize(("written", "key"), KEYS.values(), ids=KEYS)
def test_keys(written: str, key: str) -> None:
    assert body(f"{HEAD}data:\n  {written}: 1")["data"] == {key: 1}


@pytest.mark.parametrize("key", ["${yes}", "${nothing}", "${list}", "${fraction}", "yes", "1.5", "~"])
def test_a_key_is_text_or_a_whole_number(key: str) -> None:
    assert isinstance(refused(f"{HEAD}data:\n  {key}: 1"), TemplateUnreadable)


def test_a_value_brings_in_no_structure() -> None:
    injected: dict[str, Value] = {"x": 'a\n---\nkind: Secret\n- b: {c}\n"'}

    [only] = manifests(HEAD + "data:\n  ${x}: ${x}\n  quoted: '${x}'\n  block: |\n    ${x}\n", injected)

    assert only.body["data"] == {injected["x"]: injected["x"], "quoted": injected["x"], "block": f"{injected['x']}\n"}


def test_two_keys_that_become_one_are_refused() -> None:
    assert refused(f"{HEAD}data:\n  blue: 1\n  ${{text}}: 2\n") == TemplateUnreadable(
        6, "the same key stands twice in one mapping"
    )


@pytest.mark.parametrize(
    "written", ["${", "${}", "${1}", "${a b}", "${a", "${a:b}", "${a:-$b}", "${a:-${text}}", "x${-}"]
)
def test_what_begins_like_a_variable_and_is_none(written: str) -> None:
    template = f"{HEAD}data:\n- '{written}'\n"

    for found in (refused(template), names_in(template)):
        assert isinstance(found, TemplateUnreadable)
        assert found.line == 5


def test_null_is_no_text() -> None:
    assert refused(f"{HEAD}data: x ${{nothing}}") == NullInText(4, "nothing")
    assert refused(f"{HEAD}data: '${{nothing}}'") == NullInText(4, "nothing")


# ---- names


def test_all_unknown_names_are_said_at_once_with_their_object() -> None:
    template = f"{HEAD}data: ${{a}} ${{text}}\n---\n---\nkind: Deployment\nmetadata: {{name: '${{b}}-x'}}\n${{c}}: 1\n"

    assert refused(template) == UnknownVariables(
        "a in document 1 (ConfigMap web), b in document 3 (Deployment ${b}-x), c in document 3 (Deployment ${b}-x)"
    )


@pytest.mark.parametrize(
    ("kind", "name"), [("ConfigMap", "'a b'"), ("'a b'", "web"), ("ConfigMap", "n" * 254), ("[a]", "b")]
)
def test_an_object_whose_name_cannot_be_shown_is_known_by_its_number(kind: str, name: str) -> None:
    assert refused(f"kind: {kind}\nmetadata: {{name: {name}}}\ndata: ${{a}}") == UnknownVariables("a in document 1")


def test_of_many_unknown_names_ten_are_said() -> None:
    found = refused(HEAD + "data:\n" + "".join(f"- ${{v{i}}}\n" for i in range(12)))

    assert isinstance(found, UnknownVariables)
    assert found.where.startswith("v0 in document 1 (ConfigMap web), v1 in")
    assert found.where.endswith("v9 in document 1 (ConfigMap web) and 2 more")


def test_a_list_that_is_not_there_is_an_unknown_name() -> None:
    assert refused("apiVersion: v1\nkind: List\nitems: ${objects}") == UnknownVariables("objects in document 1")


def test_an_unknown_built_in_name_is_unknown() -> None:
    assert refused(f"{HEAD}data: ${{windlass.zone}}") == UnknownVariables("windlass.zone in document 1 (ConfigMap web)")


def test_a_template_needs_the_names_without_default() -> None:
    template = (
        f"{HEAD}data:\n  ${{key}}: [a, '${{a}}', '$${{no}}']\n  b: ${{b:-1}}\n  c: ${{c:-1}} ${{c}}\n---\nd: ${{d}}"
    )

    assert names_in(template) == {"key", "a", "c", "d"}
    assert names_in("a: ${windlass.region} ${windlass.account} ${windlass.stackSet} ${windlass.zone}") == {
        "windlass.zone"
    }
    assert names_in("") == frozenset()


# ---- YAML as Kubernetes reads it

# plain scalar, what it is
PLAIN: list[tuple[str, Any]] = [
    *((word, True) for word in ("yes", "Yes", "YES", "y", "Y", "on", "On", "ON", "true", "True", "TRUE")),
    *((word, False) for word in ("no", "No", "NO", "n", "N", "off", "Off", "OFF", "false", "False", "FALSE")),
    *((word, None) for word in ("", "~", "null", "Null", "NULL")),
    *(
        (word, word)
        for word in ("yEs", "nULL", "none", "2026-01-15", "2026-01-15T12:00:00Z", "1:30", "80:80", "0o", "0x")
    ),
    *(
        (word, word)
        for word in ("1.2.3", "-", "+", ".", "...", "1e", "e5", "_1", "0b2", "1e999", "9" * 301, "0x" + "f" * 256)
    ),
    *(("0", 0), ("-0", 0), ("+7", 7), ("-7", -7), ("1_000", 1000), ("0777", 511), ("0o17", 15), ("-0o17", -15)),
    *(("0x1F", 31), ("0b101", 5), ("08", 8), ("1.0", 1), ("1e3", 1000), ("9223372036854775807", 2**63 - 1)),
    *(
        ("1.5", 1.5),
        (".5", 0.5),
        ("-1.5e-3", -0.0015),
        ("9223372036854775808", 2.0**63),
        ("1e300", 1e300),
        ("0x" + "f" * 255, 2.0**1020),
    ),
]


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_plain_scalars(text: str, value: Any) -> None:
    assert resolved(text) == value
    assert type(resolved(text)) is type(value)
    assert body(f"{HEAD}data: '{text}'")["data"] == text


@pytest.mark.parametrize("text", [".nan", ".inf", "-.INF", "${x:-.inf}"])
def test_a_number_that_json_does_not_have_is_refused(text: str) -> None:
    assert refused(f"{HEAD}data: {text}") == TemplateUnreadable(4, "there is a number that JSON does not have")


def test_aliases_stand_for_what_they_name() -> None:
    found = body(f"{HEAD}data: {{a: &a [1, '${{text}}'], b: *a}}")["data"]

    assert found == {"a": [1, "blue"], "b": [1, "blue"]}


def test_mappings_are_merged() -> None:
    template = "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\ndata: {<<: [*one, *two], a: 0}\nmore:\n  <<: *two\n"

    found = body(HEAD + template)

    assert found["data"] == {"a": 0, "b": 1, "c": 2}
    assert found["more"] == {"b": 2, "c": 2}
    assert body(f"{HEAD}data: {{'<<': 1}}")["data"] == {"<<": 1}


# template, line, what is said
NO_YAML: dict[str, tuple[str, int, str]] = {
    "an open bracket": ("a: [1", 2, "it is no YAML"),
    "a tab": ("a:\n\tb: 1", 2, "it is no YAML"),
    "a variable in brackets": ("a:\n- [${x}]", 2, "within [ ] and { }, ${…} must stand in quotes"),
    "a variable in braces": ("a: {b: ${x}}", 1, "within [ ] and { }, ${…} must stand in quotes"),
    "a control character": ("a: \x01", 1, "a character that YAML does not allow"),
    "half a character": ("a: 1\nb: \ud800", 2, "half a character"),
    "an unknown alias": ("a: 1\nb: *x", 2, "an alias stands before"),
    "an alias of another document": ("a: &x 1\n---\nb: *x", 3, "an alias stands before"),
    "an alias of itself": ("a: &x [1, *x]", 1, "an alias stands before"),
    "a merge of text": ("a:\n  <<: b", 2, "no mapping"),
    "a merge of a list of text": ("a: {<<: [b]}", 1, "no mapping"),
    "a tag of its own": ("a: !secret b", 1, "there is a tag"),
    "a tag of Python's": ("a: !!python/object/apply:os.system [ls]", 1, "there is a tag"),
    "a binary": ("a: !!binary aGk=", 1, "there is a tag"),
    "a set": ("a: !!set {b}", 1, "there is a tag"),
    "a tagged number": ("a: !!int 5", 1, "there is a tag"),
    "a key twice": ("a: 1\nb: 1\na: 1", 3, "the same key stands twice"),
    "a list as key": ("? [a]\n: 1", 1, "a key is a sequence"),
}


@pytest.mark.parametrize(("template", "line", "said"), NO_YAML.values(), ids=NO_YAML)
def test_what_is_no_yaml(template: str, line: int, said: str) -> None:
    found = refused(template)

    assert isinstance(found, TemplateUnreadable)
    assert found.line == line
    assert said in found.problem


# ---- limits


def test_a_template_has_at_most_a_mebibyte() -> None:
    start = f"{HEAD}data: '"
    fits = start + "é" * 1000 + "x" * (MAX_FILE_BYTES - len(start) - 2001) + "'"

    assert isinstance(render(fits, {}, {}), tuple)
    assert render(fits + "\n", {}, {}) == TemplateTooLarge(MAX_FILE_BYTES + 1, MAX_FILE_BYTES)


def test_what_comes_out_has_at_most_a_mebibyte() -> None:
    around = sum(map(len, ("apiVersion", "v1", "kind", "ConfigMap", "metadata", "name", "web", "data")))
    fits: dict[str, Value] = {"x": "x" * (MAX_FILE_BYTES - around)}
    longer: dict[str, Value] = {"x": "x" * (MAX_FILE_BYTES - around + 1)}

    for written in ("${x}", "'${x}'"):
        assert isinstance(render(f"{HEAD}data: {written}", fits, {}), tuple)
        assert render(f"{HEAD}data: {written}", longer, {}) == RenderedTooLarge(MAX_FILE_BYTES)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("value", ["x" * 500_000, ["x" * 100] * 5000])
@pytest.mark.parametrize("written", ["'" + "${x}" * 10_000 + "'", "\n" + "- ${x}\n" * 10_000])
def test_a_value_that_is_named_many_times_costs_no_more_than_the_limit(value: Value, written: str) -> None:
    assert render(f"{HEAD}data: {written}", {"x": value}, {}) == RenderedTooLarge(MAX_FILE_BYTES)


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [1, 2]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return HEAD + "\n".join(lines)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("read", [names_in, lambda text: render(text, {}, {})])
def test_a_billion_laughs_are_refused_in_no_time(read: Any) -> None:
    assert read(laughs(30)) == TemplateExpandsTooFar(9, MAX_NODES)


def test_long_text_that_is_named_by_many_aliases_is_too_much() -> None:
    template = f"{HEAD}data: [&x '{'x' * 100_000}'{', *x' * 1000}]"

    assert render(template, {}, {}) == RenderedTooLarge(MAX_FILE_BYTES)


def test_as_many_values_as_allowed() -> None:
    head = 11  # the document, its four keys and their values, of which metadata has two more

    assert isinstance(render(f"{HEAD}data: [{','.join('1' * (MAX_NODES - head))}]", {}, {}), tuple)
    found = render(f"{HEAD}data: [{','.join('1' * (MAX_NODES - head + 1))}]", {}, {})
    assert found == TemplateExpandsTooFar(4, MAX_NODES)


def test_an_alias_counts_as_much_as_what_it_stands_for() -> None:
    head, each = 11, 2

    def some(aliases: int) -> str:
        return f"{HEAD}data: [&x [1]{', *x' * aliases}]"

    fitting = (MAX_NODES - head - each) // each
    assert isinstance(render(some(fitting), {}, {}), tuple)
    assert isinstance(render(some(fitting + 1), {}, {}), TemplateExpandsTooFar)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_as_deep_as_allowed(opening: str, closing: str) -> None:
    def nested(levels: int) -> str:
        return f"{HEAD}data: {opening * levels}1{closing * levels}"

    assert isinstance(render(nested(MAX_DEPTH - 1), {}, {}), tuple)
    assert render(nested(MAX_DEPTH), {}, {}) == TemplateTooDeep(4, MAX_DEPTH)


def test_aliases_in_aliases_are_as_deep_as_what_they_stand_for() -> None:
    def nested(levels: int) -> str:
        return HEAD + "\n".join(["a1: &a1 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(2, levels + 1))])

    assert isinstance(render(nested(MAX_DEPTH - 1), {}, {}), tuple)
    assert render(nested(MAX_DEPTH), {}, {}) == TemplateTooDeep(3 + MAX_DEPTH, MAX_DEPTH)


# each of them up to 1 MiB
HOSTILE: dict[str, str] = {
    "open lists": "[" * MAX_FILE_BYTES,
    "open maps": "{" * MAX_FILE_BYTES,
    "lists in lists": "- " * (MAX_FILE_BYTES // 2),
    "keys in keys": "? " * (MAX_FILE_BYTES // 2),
    "ever deeper": "".join(f"{' ' * i}a:\n" for i in range(1400)),
    "many documents": "---\n" * (MAX_FILE_BYTES // 4),
    "many small values": "[" + "1," * (MAX_FILE_BYTES // 2 - 2) + "]",
    "dollars": "a: '" + "$" * (MAX_FILE_BYTES - 8) + "'",
    "open variables": "a: '" + "${a:-" * (MAX_FILE_BYTES // 5 - 8) + "'",
    "long names": "a: '${" + "a-" * (MAX_FILE_BYTES // 2 - 8) + "'",
    "an open string": "a: '" + "x" * (MAX_FILE_BYTES - 8),
    "a long number": "a: " + "9" * (MAX_FILE_BYTES - 8),
    "anchors": "".join(f"- &a{i} 1\n" for i in range(70_000)),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("template", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_template_is_read_or_refused_in_no_time(template: str) -> None:
    assert isinstance(render(template, {}, {}), Reason)
    assert isinstance(names_in(template), (frozenset, Reason))


# ---- objects


def test_a_template_has_many_documents_some_of_them_empty() -> None:
    template = (
        "# none\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n---\n\n---\n"
        + HEAD
    )

    first, second = manifests(template)

    assert (first.api_version, first.group, first.kind) == ("apps/v1", "apps", "Deployment")
    assert (first.name, first.namespace, first.label) == ("web", "shop", "Deployment shop/web")
    assert (second.api_version, second.group, second.kind) == ("v1", "", "ConfigMap")
    assert (second.name, second.namespace, second.label) == ("web", None, "ConfigMap web")


def test_a_list_stands_for_its_items() -> None:
    inner = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in ("a", "b", "c")]
    nested = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [inner[0], {"apiVersion": "v1", "kind": "List", "items": inner[1:]}],
    }

    assert [each.name for each in manifests(json.dumps(nested))] == ["a", "b", "c"]
    assert [each.name for each in manifests("apiVersion: v1\nkind: List\nitems: ${x}", {"x": inner})] == ["a", "b", "c"]


def test_a_kind_called_list_elsewhere_is_an_object() -> None:
    template = "apiVersion: example.org/v1\nkind: List\nmetadata: {name: web}\nitems: [1]"

    assert body(template)["items"] == [1]


def test_a_status_is_left_out() -> None:
    assert "status" not in body(f"{HEAD}status: {{replicas: 3}}")


@pytest.mark.parametrize("template", ["", "# nothing", "---\n---\n", "null", "apiVersion: v1\nkind: List\nitems: []\n"])
def test_a_template_without_objects_would_prune_all_that_there_is(template: str) -> None:
    assert refused(template) == TemplateEmpty()


def change(**fields: Any) -> str:
    """The object with these fields in place of its own, or of its metadata's where they stand there."""
    whole: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
    metadata = whole["metadata"] | {key: value for key, value in fields.items() if key not in whole}
    return json.dumps(whole | {"metadata": metadata} | {key: value for key, value in fields.items() if key in whole})


# template, what is said
NO_OBJECTS: dict[str, tuple[str, str]] = {
    "text": ("web", "it is no object"),
    "a list": ("[1]", "it is no object"),
    "an item that is none": ("{apiVersion: v1, kind: List, items: [1]}", "it is no object"),
    "items that are none": ("{apiVersion: v1, kind: List, items: {a: 1}}", "the items of a List are no sequence"),
    "no metadata": (change(metadata=None), "it has no metadata"),
    "no apiVersion": (change(apiVersion=None), "it has no apiVersion"),
    "no kind": (change(kind=None), "it has no kind"),
    "no name": (change(name=None), "it has no metadata.name"),
    "a name that is a number": (change(name=1), "its metadata.name is none"),
    "an empty name": (change(name=""), "its metadata.name is none"),
    "a long name": (change(name="n" * 254), "its metadata.name is none"),
    "a path as name": (change(name="../../secrets/a"), "its metadata.name is none"),
    "a dot as name": (change(name=".."), "its metadata.name is none"),
    "an escape as name": (change(name="a%2fb"), "its metadata.name is none"),
    "a name of two lines": (change(name="a\nb"), "its metadata.name is none"),
    "a path as namespace": (change(namespace="a/../b"), "its metadata.namespace is none"),
    "an empty namespace": (change(namespace=""), "its metadata.namespace is none"),
    "a path as kind": (change(kind="a/b"), "its kind is none"),
    "a path as apiVersion": (change(apiVersion="a/b/c"), "its apiVersion is none"),
    "a query as apiVersion": (change(apiVersion="v1?x"), "its apiVersion is none"),
    "generateName": (change(generateName="web-"), "metadata.generateName is not allowed"),
    "a uid": (change(uid="1"), "metadata.uid is not allowed"),
    "a resourceVersion": (change(resourceVersion="1"), "metadata.resourceVersion is not allowed"),
    "managedFields": (change(managedFields=[]), "metadata.managedFields is not allowed"),
    "owners": (change(ownerReferences=[{}]), "metadata.ownerReferences is not allowed"),
}


@pytest.mark.parametrize(("template", "said"), NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_what_is_no_object(template: str, said: str) -> None:
    found = refused(template)

    assert isinstance(found, NoManifest)
    assert said in found.problem
    assert found.where.startswith("document 1")


@pytest.mark.parametrize(
    "name", ["web", "system:node-proxier", "a.b", "...", "n" * 253], ids=["a word", "of RBAC", "dots", "three", "long"]
)
def test_names_that_kubernetes_knows(name: str) -> None:
    [only] = manifests(change(name=name))

    assert only.name == name


def test_nothing_in_place_of_a_field_is_no_field() -> None:
    [only] = manifests(change(uid=None, generateName=None, namespace=None))

    assert only.namespace is None


def test_the_same_object_stands_once() -> None:
    other = "---\napiVersion: apps/v1\nkind: ConfigMap\nmetadata: {name: web}\n"
    elsewhere = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: a}\n"
    again = "---\napiVersion: apps/v1beta1\nkind: ConfigMap\nmetadata: {name: '${name}'}\n"

    assert len(manifests(HEAD + other + elsewhere)) == 3
    assert refused(HEAD + other + elsewhere + again, {"name": "web"}) == ObjectTwice(
        "document 4 (ConfigMap ${name})", "document 2 (ConfigMap web)"
    )


def test_as_many_objects_as_allowed() -> None:
    many = [f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: n{i}}}}}" for i in range(1001)]

    assert len(manifests("\n---\n".join(many[1:]))) == 1000
    assert refused("\n---\n".join(many)) == TooManyObjects(1001, 1000)


# ---- for all of them


def whole(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e300, 1e300) | text
    return st.recursive(plain, lambda below: st.lists(below) | st.dictionaries(text, below), max_leaves=12)


# A key of YAML has at most 1,024 characters, and each of these takes up to six.
WITHOUT_DOLLAR = st.text(
    st.characters(max_codepoint=0xFFFD, exclude_categories=["Cs"], exclude_characters="$"), max_size=150
)


@given(whole(WITHOUT_DOLLAR))
def test_a_template_without_a_dollar_comes_out_as_it_is(data: Any) -> None:
    given_body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data}

    assert body(json.dumps(given_body)) == given_body


@given(st.text(), st.text())
def test_text_stays_text_where_it_comes_in(one: str, two: str) -> None:
    values: dict[str, Value] = {"one": one, "two": two}

    found = body(f'{HEAD}data:\n  plain: ${{one}}\n  both: ${{one}}${{two}}\n  k${{two}}: ["\'${{one}}", x]\n', values)

    assert found == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "web"},
        "data": {"plain": one, "both": one + two, f"k{two}": [f"'{one}", "x"]},
    }


@given(whole(st.text()))
def test_a_value_comes_in_as_it_is(value: Any) -> None:
    assert body(f"{HEAD}data: ${{x}}", {"x": value})["data"] == value


@given(st.text() | st.text(alphabet="ab:-[]{}$&*!|>'\"\n #?,<%@`\ud800"))
def test_no_template_breaks_the_reader(template: str) -> None:
    assert isinstance(render(template, VALUES, BUILT_IN), (tuple, Reason))
    assert isinstance(names_in(template), (frozenset, Reason))


SECRET = "hunter2"
LEAKS = [
    f"{HEAD}data: ${{secret}} ${{nowhere}}",
    "apiVersion: v1\nkind: ${secret}\nmetadata: {name: '${secret} '}",
    "apiVersion: '${secret} '\nkind: ConfigMap\nmetadata: {name: web}",
    "kind: ConfigMap\nmetadata: {name: '${secret}', namespace: '${secret} '}\napiVersion: v1",
    f"{HEAD}data: {{'${{secret}}': 1, {SECRET}: 2}}".replace(SECRET, "'${secret}'"),
    f"{HEAD}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: '${{secret}}'}}\n---\n"
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '${secret}'}\n",
    f"{HEAD}data: '${{secret}}${{gone}}'",
    "apiVersion: v1\nkind: List\nitems: ${secret}",
    "${secret}",
    f"{HEAD}data: '{'${secret}' * 100_000}'",
]


@pytest.mark.parametrize("template", LEAKS)
def test_no_reason_says_a_value(template: str) -> None:
    found = refused(template, {"secret": SECRET * 3, "gone": None})

    assert SECRET not in str(found)
    assert SECRET not in repr(found)
