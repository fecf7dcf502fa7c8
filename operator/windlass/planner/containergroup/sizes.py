"""How much CPU and memory a container has, in numbers that can be compared."""

import re
from dataclasses import dataclass
from decimal import Decimal

from windlass.api.containers import Size

_QUANTITY = re.compile(r"([0-9]+(?:[.][0-9]*)?|[.][0-9]+)(m|k|[KMGT]i|[MGT])?")
_FACTORS = {"m": Decimal("0.001"), "": Decimal(1), "k": Decimal(10**3)}
_FACTORS |= {unit: Decimal(1000**power) for power, unit in enumerate("MGT", 2)}
_FACTORS |= {f"{unit}i": Decimal(1024**power) for power, unit in enumerate("KMGT", 1)}
_SHOWN = {f"{unit}i": 1024**power for power, unit in ((4, "T"), (3, "G"), (2, "M"))}


@dataclass(frozen=True, slots=True)
class Sizes:
    """CPU in thousandths, memory in bytes."""

    cpu: int
    memory: int

    @classmethod
    def of(cls, size: Size) -> "Sizes":
        """What the spec asks for."""
        return cls.read(size.cpu, size.memory)

    @classmethod
    def read(cls, cpu: str, memory: str) -> "Sizes":
        """From Kubernetes' quantities. ValueError where one is none that CPU or memory is written in."""
        return cls(int(_number(cpu) * 1000), int(_number(memory)))

    @property
    def cpu_text(self) -> str:
        """As Kubernetes writes it: `2`, `500m`."""
        whole, rest = divmod(self.cpu, 1000)
        return f"{self.cpu}m" if rest else str(whole)

    @property
    def memory_text(self) -> str:
        """As Kubernetes writes it: `512Mi`, `2Gi`; bytes where it is no whole number of those."""
        fitting = (f"{self.memory // factor}{unit}" for unit, factor in _SHOWN.items() if self.memory % factor == 0)
        return next(fitting, str(self.memory))

    def __str__(self) -> str:
        return f"{self.cpu_text} CPU, {self.memory_text}"


def _number(quantity: str) -> Decimal:
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity of CPU or memory")
    return Decimal(found[1]) * _FACTORS[found[2] or ""]
