"""A group whose source is a version of a launch template: alone, and exchanged by a refresh."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.worlds import CONFIGURATION, NEXT_CONFIGURATION, NOW, fleet, group, launches, planned, revision, view
from windlass.api.instance_refresh import DesiredConfiguration, InstanceRefreshSpec
from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.scaling_group import ConfigurationSource
from windlass.api.task import Phase, Wanted
from windlass.planner.capacity.reasons import ConfigurationMissing, TemplateRefused
from windlass.planner.capacity.reasons_source import LaunchTemplateMissing, VersionMissing
from windlass.planner.capacity.source import find_own, named_source, own_data, source_of
from windlass.planner.capacity.steps import KeepRevision, SwitchSource, WriteConfiguration
from windlass.planner.capacity.view import GroupView, Revision
from windlass.planner.group import plan_group
from windlass.planner.launch_template.versions import number_of
from windlass.planner.reason import Reason
from windlass.planner.rollout.desired import desired_data
from windlass.planner.rollout.reasons import NothingToMakeFrom
from windlass.planner.rollout.reasons_template import TemplateNotChanged
from windlass.planner.rollout.refresh import Refresh, Sources
from windlass.simulate.kubelet import Fate, Life
from windlass.simulate.play import play
from windlass.simulate.world import World

FIRST = {"version": 1, "description": "as it was", **CONFIGURATION}
SECOND = {"version": 2, **NEXT_CONFIGURATION}
TENTH = {"version": 10, "template": {"spec": {"containers": [{"name": "web", "image": "web:10"}]}}}
TEMPLATE: dict[str, Any] = {"defaultVersion": "1", "versions": [SECOND, FIRST, TENTH]}
BY_LATEST: dict[str, Any] = {"defaultVersion": "Latest", "versions": [FIRST, SECOND]}


def named(version: str, name: str = "web") -> ConfigurationSource:
    return ConfigurationSource(launch_template=LaunchTemplateReference(name=name, version=version))


def templated(version: str, template: dict[str, Any] | None = TEMPLATE, **fields: Any) -> GroupView:
    spec = group(3, configuration=named(version))
    return view(spec, **{"configuration": None, "template": template, "revisions": ()} | fields)


def snapshot(version: int, name: str = "web-1", number: int = 1) -> Revision:
    """The revision that was made from a version of TEMPLATE."""
    contents = {1: CONFIGURATION, 2: NEXT_CONFIGURATION, 10: {"template": TENTH["template"]}}[version]
    source = {"kind": "LaunchTemplate", "name": "web", "version": version}
    return Revision(name, number, {"source": source, "configuration": contents})


def the_data(found: object) -> Any:
    assert not isinstance(found, Reason)
    return found


# ---- which version


@pytest.mark.spec("scaling-configuration.md", "launch template versions")
@pytest.mark.parametrize(
    ("asked", "template", "number"),
    [
        ("2", TEMPLATE, 2),
        ("Default", TEMPLATE, 1),
        ("Latest", TEMPLATE, 10),
        ("Default", BY_LATEST, 2),
        ("Default", {"versions": [FIRST]}, 1),
        ("3", TEMPLATE, None),
        ("1", {"versions": []}, None),
        ("Latest", {"versions": []}, None),
        ("Default", {"defaultVersion": "7", "versions": [FIRST]}, None),
    ],
)
def test_a_number_means_itself_default_what_the_template_says_and_latest_the_highest(
    asked: str, template: dict[str, Any], number: int | None
) -> None:
    assert number_of(template, asked) == number


@pytest.mark.spec("scaling-group.md", "configuration: launch template")
@pytest.mark.parametrize(("asked", "number"), [("Default", 1), ("Latest", 10), ("10", 10)])
def test_the_revision_holds_the_number_and_what_instances_are_made_from_alone(asked: str, number: int) -> None:
    plan = plan_group(templated(asked))
    (step,) = [each for each in plan.steps if isinstance(each, KeepRevision)]

    assert step.data == snapshot(number).data
    assert str(step.why) == f"LaunchTemplate/web:{number} is new to the group"
    assert not launches(plan)


def test_instances_are_launched_once_the_version_is_kept() -> None:
    plan = plan_group(templated("Default", revisions=[snapshot(1)], added_at=()))

    assert {launch.revision for launch in launches(plan)} == {"web-1"}
    assert plan.status.revisions[0].configuration == "LaunchTemplate/web:1"


def test_a_word_that_comes_to_mean_another_version_makes_instances_outdated_and_replaces_none() -> None:
    kept = [snapshot(1), snapshot(2, "web-2", 2)]
    before = plan_group(templated("Default", BY_LATEST | {"versions": [FIRST]}, instances=fleet(3), revisions=kept))
    after = plan_group(templated("Default", BY_LATEST, instances=fleet(3), revisions=kept))

    assert (before.status.outdated, after.status.outdated) == (0, 3)
    assert not after.steps


def test_a_version_that_nobody_asks_for_changes_nothing() -> None:
    more = TEMPLATE | {"versions": [*TEMPLATE["versions"], {"version": 11, **CONFIGURATION}]}
    assert own_data(templated("10", more)) == own_data(templated("10"))
    assert own_data(templated("Latest", more)) != own_data(templated("Latest"))


# ---- what is missing


@pytest.mark.parametrize(
    ("asked", "template", "reason", "said"),
    [
        ("1", None, LaunchTemplateMissing("web"), "LaunchTemplate web does not exist: create it, or name another one"),
        (
            "3",
            TEMPLATE,
            VersionMissing("web", "3", ("1", "2", "10")),
            "LaunchTemplate web has no version 3 (it has 1, 2, 10): add it, or name another one",
        ),
    ],
)
def test_a_group_whose_version_is_missing_is_stalled_and_heals_from_the_revision_that_is_kept(
    asked: str, template: dict[str, Any] | None, reason: Reason, said: str
) -> None:
    kept = [snapshot(1), snapshot(2, "web-2", 2)]
    plan = plan_group(templated(asked, template, instances=fleet(2, revision="web-2"), revisions=kept))

    assert find_own(templated(asked, template)) == reason
    assert plan.status.phase == "Stalled"
    assert plan.status.message.startswith(said)
    stalled = next(c for c in plan.status.conditions if c.type == "Stalled")
    assert stalled.reason == reason.code
    assert [launch.revision for launch in launches(plan)] == ["web-2"]


def test_without_any_revision_nothing_is_launched() -> None:
    plan = plan_group(templated("3"))

    assert not plan.steps
    assert plan.status.phase == "Stalled"


def test_a_template_of_another_name_is_not_looked_for_among_configurations() -> None:
    assert find_own(view(group(1), configuration=None)) == ConfigurationMissing("web")
    assert isinstance(find_own(templated("1", None, configuration=CONFIGURATION)), LaunchTemplateMissing)


def test_what_the_api_server_refuses_is_named_by_number() -> None:
    plan = plan_group(templated("Default", template_problem="no such image"))

    assert plan.status.message.startswith(str(TemplateRefused("LaunchTemplate web:1", "no such image")))
    assert named_source(templated("3")) == "LaunchTemplate web:3"
    assert named_source(templated("Latest", None)) == "LaunchTemplate web:Latest"
    assert named_source(view(group(1))) == "ScalingConfiguration web"


# ---- switching


@pytest.mark.spec("scaling-group.md", "configuration: launch template")
def test_switching_the_source_makes_a_new_revision_both_ways_though_the_contents_are_equal() -> None:
    to_template = plan_group(templated("1", instances=fleet(3), revisions=[revision()]))
    (there,) = [step for step in to_template.steps if isinstance(step, KeepRevision)]
    back = planned(group(3), fleet(3), revisions=[snapshot(1)])
    (here,) = [step for step in back.steps if isinstance(step, KeepRevision)]

    assert (source_of(there.data), there.number) == ("LaunchTemplate/web:1", 2)
    assert (source_of(here.data), here.number) == ("ScalingConfiguration/web", 2)
    assert there.data["configuration"] == here.data["configuration"]


# ---- what a refresh desires


def desired(**fields: Any) -> DesiredConfiguration:
    return DesiredConfiguration.model_validate(fields)


OWN = snapshot(1).data
SOURCES = Sources(configurations={"web": CONFIGURATION}, templates={"web": TEMPLATE, "gone": None})


@pytest.mark.parametrize(("version", "number"), [("2", 2), ("Default", 1), ("Latest", 10)])
@pytest.mark.spec("instance-refresh.md", "desired configuration: launch template")
def test_a_refresh_may_name_a_version(version: str, number: int) -> None:
    wanted = desired(launch_template={"name": "web", "version": version})

    assert desired_data(None, wanted, SOURCES) == snapshot(number).data


@pytest.mark.spec("instance-refresh.md", "4 image with template")
@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (desired(launch_template={"name": "web", "version": "3"}), VersionMissing("web", "3", ("1", "2", "10"))),
        (desired(launch_template={"name": "gone"}), LaunchTemplateMissing("gone")),
        (desired(image="web:2"), TemplateNotChanged("web")),
        (desired(containers=[{"name": "web", "image": "web:2"}]), TemplateNotChanged("web")),
        (desired(launch_template={"name": "web"}, image="web:2"), TemplateNotChanged("web")),
    ],
)
def test_what_a_template_cannot_give_is_refused(wanted: DesiredConfiguration, reason: Reason) -> None:
    assert desired_data(OWN, wanted, SOURCES) == reason


def test_a_named_configuration_takes_an_image_whatever_the_group_is_made_from() -> None:
    data = the_data(desired_data(OWN, desired(scaling_configuration="web", image="web:2"), SOURCES))

    assert data["source"] == {"kind": "ScalingConfiguration", "name": "web"}
    assert data["configuration"] == NEXT_CONFIGURATION


def test_without_a_wish_it_is_the_groups_own_version() -> None:
    assert desired_data(OWN, None, SOURCES) == OWN
    assert desired_data(None, None, SOURCES) == NothingToMakeFrom()


# ---- a refresh from its start to its end


class NewOnesFail(Fate):
    """Instances from the fourth on never come into service."""

    def life_of(self, name: str, zone: str | None) -> Life:
        number = int(name.rpartition("-")[2])
        return Life(timedelta(seconds=1), ready=timedelta(seconds=2) if number < 3 else None)


def world(source: ConfigurationSource, wanted: dict[str, Any] | None, **spec: Any) -> World:
    """Three instances of that source, and a refresh that desires something."""
    made = World("web", group(3, configuration=source), now=NOW)
    made.configuration = CONFIGURATION if source.scaling_configuration is not None else None
    made.template = TEMPLATE if source.launch_template is not None else None
    made.sources = SOURCES
    for _ in play(made):
        pass
    spec = {"scaling_group": "web", "desired_configuration": wanted} | spec
    made.refreshes["r"] = Refresh("r", "r-uid", 1, made.now, InstanceRefreshSpec.model_validate(spec))
    return made


def steps_of(made: World) -> list[Any]:
    return [step for played in play(made) for step in played.plan.steps]


def images(made: World) -> set[str]:
    return {
        made.revisions[i.revision].data["configuration"]["template"]["spec"]["containers"][0]["image"]
        for i in made.alive
    }


CONFIGURED = ConfigurationSource(scaling_configuration="web")


@pytest.mark.spec("instance-refresh.md", "5 success")
@pytest.mark.parametrize("source", [CONFIGURED, named("1"), named("Default")])
@pytest.mark.parametrize("version", ["10", "Latest"])
@pytest.mark.spec("instance-refresh.md", "5 success: template")
def test_success_switches_the_group_to_the_version_in_the_words_of_the_refresh(
    source: ConfigurationSource, version: str
) -> None:
    made = world(source, {"launch_template": {"name": "web", "version": version}})
    steps = steps_of(made)

    assert made.refreshes["r"].status.phase == Phase.SUCCESSFUL
    assert made.spec.configuration == named(version)
    assert [step.version for step in steps if isinstance(step, SwitchSource)] == [version]
    assert images(made) == {"web:10"}
    assert made.status.outdated == 0
    assert made.status.rollout is None


def test_a_group_that_asks_for_the_same_already_is_not_written() -> None:
    made = world(named("Latest"), {"launch_template": {"name": "web", "version": "Latest"}}, skip_matching=False)

    assert not [step for step in steps_of(made) if isinstance(step, SwitchSource)]
    assert made.refreshes["r"].status.phase == Phase.SUCCESSFUL


def test_a_group_that_asks_for_the_number_is_switched_to_the_word() -> None:
    made = world(named("10"), {"launch_template": {"name": "web", "version": "Latest"}})

    assert [step.source for step in steps_of(made) if isinstance(step, SwitchSource)] == ["LaunchTemplate web:Latest"]
    assert made.spec.configuration == named("Latest")


def test_from_a_template_to_a_configuration() -> None:
    made = world(named("Latest"), {"scaling_configuration": "web"})
    steps = steps_of(made)

    assert made.spec.configuration == CONFIGURED
    assert not [step for step in steps if isinstance(step, WriteConfiguration)]
    assert images(made) == {"web:1"}


def changed(made: World, template: dict[str, Any] | None) -> None:
    """Somebody changes the template that the refresh names."""
    made.sources = replace(made.sources, templates={**made.sources.templates, "web": template})
    if made.spec.configuration.launch_template is not None:
        made.template = template


def started(made: World) -> None:
    for _ in play(made):
        if made.status.rollout is not None:
            return
    raise AssertionError("it did not start")


def test_a_latest_that_moves_on_meanwhile_is_committed_as_the_word_and_the_group_is_outdated() -> None:
    made = world(CONFIGURED, {"launch_template": {"name": "web", "version": "Latest"}})
    started(made)
    changed(made, TEMPLATE | {"versions": [*TEMPLATE["versions"], {"version": 11, **CONFIGURATION}]})
    steps_of(made)

    assert made.refreshes["r"].status.phase == Phase.SUCCESSFUL
    assert made.spec.configuration == named("Latest")
    assert images(made) == {"web:10"}
    assert made.status.outdated == 3


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (TEMPLATE | {"versions": [FIRST, SECOND]}, "LaunchTemplate web has no version 10"),
        (TEMPLATE | {"versions": [FIRST, {"version": 10, **CONFIGURATION}]}, "LaunchTemplate web:10 was replaced by"),
        (None, "LaunchTemplate web does not exist"),
    ],
)
def test_a_version_that_is_removed_or_replaced_meanwhile_is_not_committed(
    template: dict[str, Any] | None, said: str
) -> None:
    made = world(CONFIGURED, {"launch_template": {"name": "web", "version": "10"}})
    started(made)
    changed(made, template)
    steps = steps_of(made)

    assert made.refreshes["r"].status.phase == Phase.FAILED
    assert said in made.refreshes["r"].status.message
    assert made.spec.configuration == CONFIGURED
    assert not [step for step in steps if isinstance(step, SwitchSource)]


def test_a_refusal_ends_it_at_once_and_touches_nothing() -> None:
    made = world(named("1"), {"image": "web:2"})
    before = set(made.instances)
    steps = steps_of(made)

    assert (made.refreshes["r"].status.phase, set(made.instances)) == (Phase.FAILED, before)
    assert made.refreshes["r"].status.message.endswith(str(TemplateNotChanged("web")))
    assert not steps


# ---- rolling back


@pytest.mark.spec("instance-refresh.md", "6 rollback")
@pytest.mark.parametrize("source", [named("Default"), named("Latest")])
@pytest.mark.spec("instance-refresh.md", "6 rollback: versions")
def test_no_way_back_to_a_word(source: ConfigurationSource) -> None:
    made = world(source, {"launch_template": {"name": "web", "version": "2"}}, checkpoints=[34, 100])
    started(made)
    made.ask("r", state=Wanted.ROLLED_BACK)
    steps_of(made)
    status = made.refreshes["r"].status

    assert status.phase == Phase.ROLLBACK_FAILED
    assert "it cannot be rolled back, because the group asks for LaunchTemplate web:" in status.message
    assert made.spec.configuration == source


@pytest.mark.spec("instance-refresh.md", "6 rollback")
def test_the_way_back_to_a_number_is_free() -> None:
    made = world(named("1"), {"launch_template": {"name": "web", "version": "2"}}, checkpoints=[34, 100])
    for _ in play(made, until=made.now + timedelta(minutes=5)):
        pass
    assert images(made) == {"web:1", "web:2"}
    made.ask("r", state=Wanted.ROLLED_BACK)
    steps_of(made)

    assert made.refreshes["r"].status.phase == Phase.ROLLED_BACK
    assert (images(made), made.spec.configuration) == ({"web:1"}, named("1"))


def test_auto_rollback_is_refused_before_anything_begins_where_there_is_no_way_back() -> None:
    wanted = {"launch_template": {"name": "web", "version": "2"}}
    made = world(named("Default"), wanted, auto_rollback=True)
    assert not steps_of(made)
    assert made.refreshes["r"].status.phase == Phase.FAILED
    assert "autoRollback is not possible" in made.refreshes["r"].status.message

    made = world(named("1"), wanted, auto_rollback=True, progress_deadline_seconds=60)
    made.fate = NewOnesFail()
    steps_of(made)
    assert made.refreshes["r"].status.phase == Phase.ROLLED_BACK
    assert images(made) == {"web:1"}


def test_somebody_switches_to_a_word_while_it_runs() -> None:
    wanted = {"launch_template": {"name": "web", "version": "2"}}
    made = world(named("1"), wanted, auto_rollback=True, progress_deadline_seconds=60)
    made.fate = NewOnesFail()
    started(made)
    made.change(configuration=named("Latest"))
    steps_of(made)

    assert made.refreshes["r"].status.phase == Phase.ROLLBACK_FAILED
    assert "(no new instance came into service for 60 s" in made.refreshes["r"].status.message
