"""What the views are that properties are held against: no rule and no sentence of the status is left to luck."""

from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.planner.many_views import ANYTHING, DRAWN, anything, moment
from windlass.planner import group
from windlass.planner.capacity.situation import Decision
from windlass.planner.capacity.summary import summarize
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import RULES, see
from windlass.planner.reason import Reason

EXAMPLES = 16  # of each moment, times how often it is drawn
# A view has one rule that acts, if any, and one sentence: some twenty sentences cannot all have 5 % as well.
LEAST_OF_RULE, LEAST_OF_SENTENCE = 0.05, 0.014
SENTENCES = {
    "AsDesired",
    "BeingDeleted",
    "ComingIntoService",
    "ConfigurationMissing",
    "Disabled",
    "HeldBack",
    "HeldUp",
    "LaunchesFail",
    "LeftAlone",
    "NoZoneLeft",
    "NotReadyForNow",
    "OnTheirWayOut",
    "OnlyProtectedLeft",
    "ProcessSuspended",
    "RefreshRests",
    "RefreshUnderWay",
    "RemovalsRefused",
    "SizeDiffers",
    "TemplateRefused",
    "ToBeReplaced",
    "TryingAgain",
    "UpdateRests",
    "UpdateUnderWay",
    "what is done",
}


def tell(seen: GroupView, by_rule: Counter[str], by_sentence: Counter[str]) -> None:
    """Count the rule that acts and the sentence that the status says."""
    situation = see(seen)
    decision: Decision | None = None
    holds: list[Reason] = []
    for rule in RULES if seen.spec.enabled and not seen.deleting else ():
        outcome = rule(situation)
        if isinstance(outcome, Decision):
            by_rule[rule.__name__] += 1
            decision = outcome
            break
        if outcome is not None:
            holds.append(outcome.why)
    doing = decision.why if decision and group._does(situation, decision) else None
    why = summarize(situation, decision.memory if decision else situation.memory, tuple(holds), doing).why
    by_sentence["what is done" if why is doing else type(why).__name__] += 1


def drawn(views: SearchStrategy[GroupView], examples: int, by_rule: Counter[str], by_sentence: Counter[str]) -> None:
    @seed(examples)
    @settings(max_examples=examples, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(views)
    def count(seen: GroupView) -> None:
        tell(seen, by_rule, by_sentence)

    count()


def test_each_rule_and_each_sentence_of_the_status_is_met() -> None:
    """By the shares that the moments are meant to have: Hypothesis likes some of a list better than others."""
    by_rule: Counter[str] = Counter()
    by_sentence: Counter[str] = Counter()
    for name, often in Counter(DRAWN).items():
        drawn(moment(name), EXAMPLES * often, by_rule, by_sentence)
    drawn(anything(), EXAMPLES * len(DRAWN) // (ANYTHING - 1), by_rule, by_sentence)
    views_drawn = by_sentence.total()
    few = {rule.__name__: by_rule[rule.__name__] / views_drawn for rule in RULES}
    assert min(few.values()) >= LEAST_OF_RULE, sorted(few.items(), key=lambda item: item[1])
    told = {sentence: by_sentence[sentence] / views_drawn for sentence in SENTENCES | by_sentence.keys()}
    assert min(told[name] for name in SENTENCES) >= LEAST_OF_SENTENCE, sorted(told.items(), key=lambda item: item[1])
