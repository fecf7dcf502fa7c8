"""What can happen to a simulated group, and does not happen to those that are simulated for people."""

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from windlass.planner.capacity.steps import Launch
from windlass.simulate.kubelet import SECOND, Change, Life
from windlass.simulate.world import World


def repair_zone(world: World, zone: str) -> None:
    """A zone that was broken works again: what waits there is scheduled a second from now."""
    world.broken.discard(zone)
    for name, instance in world.instances.items():
        life = world.lives.get(name)
        if instance.zone == zone and instance.scheduled_at is None and life and life.scheduled is not None:
            world.lives[name] = delayed(life, world.now - instance.created_at - life.scheduled + SECOND)


def arrive_late(world: World, step: Launch) -> None:
    """A creation that a crashed process had sent arrives only now."""
    world._launch(step, None)


def delayed(life: Life, delay: timedelta) -> Life:
    """The same life, which begins that much later."""

    def later(moment: timedelta | None) -> timedelta | None:
        return None if moment is None else moment + delay

    return replace(
        life,
        scheduled=later(life.scheduled),
        ready=later(life.ready),
        ends=later(life.ends),
        wavers=later(life.wavers),
    )


@dataclass(slots=True)
class Chance:
    """Lives drawn from a seed: some never come up, some fail, some waver."""

    random: Random
    trouble: float = 0.2

    def change_of(self, name: str) -> Change:
        """One of the things that become of an instance that is changed where it is."""
        if self.random.random() >= self.trouble:
            return Change(
                timedelta(seconds=self.random.randint(1, 20)), runs=timedelta(seconds=self.random.randint(0, 30))
            )
        return self.random.choice(
            (
                Change(restarts=None, runs=None),
                Change(crashes=True, exit_code=1),
                Change(timedelta(seconds=5), runs=timedelta(seconds=self.random.randint(0, 9)), exit_code=3),
            )
        )

    def life_of(self, name: str, zone: str | None) -> Life:
        """One of the lives that instances have."""
        slow = timedelta(seconds=self.random.randint(0, 40))
        start = timedelta(seconds=self.random.randint(1, 5))  # not 0: creation times are cut to the second before
        ready = start + timedelta(seconds=self.random.randint(1, 90))
        if self.random.random() >= self.trouble:
            return Life(start, ready, dies_slowly=slow)
        later = ready + timedelta(seconds=self.random.randint(1, 2000))
        return self.random.choice(
            (
                Life(start, None, dies_slowly=slow),
                Life(start, None, ends=ready, dies_slowly=slow),
                Life(start, ready, ends=later, dies_slowly=slow),
                Life(start, ready, wavers=later, dies_slowly=slow),
                Life(start, ready, wavers=later, recovers=timedelta(seconds=30), dies_slowly=slow),
            )
        )
