"""Numbers that remember the cells they were computed from.

Arithmetic on quantities carries the inputs and the expression along, so that the provenance a reader sees cannot
drift from the computation. A missing value stays missing through every operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

EVIDENCE = ("read", "supplied", "recalled")  # strongest first


@dataclass(frozen=True)
class Cell:
    """One primary value of one table: where it stands, what it says, who says it."""

    table: str
    key: tuple[tuple[str, str], ...]
    column: str
    value: float | str | None
    sources: tuple[str, ...]
    evidence: str
    locator: str | None = None  # where in the main source the value stands

    def as_dict(self) -> dict:
        return {
            "table": self.table,
            "key": dict(self.key),
            "column": self.column,
            "value": self.value,
            "source": self.sources[0] if self.sources else None,
            "other_sources": list(self.sources[1:]),
            "locator": self.locator,
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, the cells behind it and how it follows from them.

    ``value`` is None where the data hold nothing. ``formulas`` states the derived columns used, by name.
    """

    value: float | None
    unit: str = ""
    inputs: tuple[Cell, ...] = ()
    expression: str = ""
    formulas: tuple[tuple[str, str], ...] = ()
    level: int = 0  # of the expression: 0 a name or number, 1 a product or quotient, 2 a sum or difference

    @property
    def evidence(self) -> str:
        """The weakest evidence among the inputs."""
        return max((c.evidence for c in self.inputs), key=EVIDENCE.index, default="read")

    @property
    def sources(self) -> tuple[str, ...]:
        """Source ids of all inputs, each once, in order."""
        return tuple(dict.fromkeys(s for c in self.inputs for s in c.sources))

    @property
    def known(self) -> bool:
        return self.value is not None

    def named(self, expression: str) -> Quantity:
        """The same quantity under a name that a reader understands."""
        return replace(self, expression=expression, level=0)

    def _with(self, other: Quantity | float, sign: str, operation: Callable, unit: str, swap: bool = False) -> Quantity:
        other = as_quantity(other)
        a, b = (other, self) if swap else (self, other)
        value = None if a.value is None or b.value is None else operation(a.value, b.value)
        return Quantity(
            value,
            unit,
            _merge(a.inputs, b.inputs),
            f"{_bracket(a, sign)} {sign} {_bracket(b, sign, right=True)}",
            _merge(a.formulas, b.formulas),
            2 if sign in "+−" else 1,
        )

    def _same_unit(self, other: Quantity | float) -> str:
        other = as_quantity(other)
        if self.unit and other.unit and self.unit != other.unit:
            raise ValueError(f"cannot add or subtract {self.unit} and {other.unit}")
        return self.unit or other.unit

    def __add__(self, other):
        return self._with(other, "+", lambda a, b: a + b, self._same_unit(other))

    def __radd__(self, other):
        return self._with(other, "+", lambda a, b: a + b, self._same_unit(other), swap=True)

    def __sub__(self, other):
        return self._with(other, "−", lambda a, b: a - b, self._same_unit(other))

    def __rsub__(self, other):
        return self._with(other, "−", lambda a, b: a - b, self._same_unit(other), swap=True)

    def __mul__(self, other):
        return self._with(other, "×", lambda a, b: a * b, _unit(self.unit, as_quantity(other).unit))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._with(other, "/", lambda a, b: a / b if b else None, _unit(self.unit, as_quantity(other).unit, divided=True))

    def __rtruediv__(self, other):
        return as_quantity(other) / self

    def __float__(self) -> float:
        return float("nan") if self.value is None else float(self.value)

    def __lt__(self, other):
        return float(self) < float(other)

    def __le__(self, other):
        return float(self) <= float(other)

    def __gt__(self, other):
        return float(self) > float(other)

    def __ge__(self, other):
        return float(self) >= float(other)


def as_quantity(number: Quantity | float) -> Quantity:
    if isinstance(number, Quantity):
        return number
    return Quantity(float(number), expression=f"{number:g}")


def combine(function: Callable, parts: Iterable[Quantity], words: str, unit: str | None = None) -> Quantity:
    """Apply ``function`` (of a list of floats) to quantities; ``words`` describe the result for readers.

    Missing if any part is missing or there are no parts.
    """
    parts = list(parts)
    values = [p.value for p in parts]
    value = float(function(values)) if values and None not in values else None
    inputs = _merge(*(p.inputs for p in parts))
    unit = unit if unit is not None else (parts[0].unit if parts else "")
    return Quantity(value, unit, inputs, words, _merge(*(p.formulas for p in parts)))


def change_pct(new: Quantity, old: Quantity) -> Quantity:
    """Change from ``old`` to ``new`` in percent of ``old``."""
    return replace((new / old - 1) * 100, unit="percent")


def share_pct(part: Quantity, whole: Quantity) -> Quantity:
    """``part`` in percent of ``whole``."""
    return replace(part / whole * 100, unit="percent")


def _unit(first: str, second: str, divided: bool = False) -> str:
    """The unit of a product, or of a quotient: ``"USD bn"`` over ``"bcm"`` is ``"USD bn / bcm"``; what stands above and below cancels."""
    (above, below), (more, less) = _factors(first), _factors(second)
    above, below = (above + less, below + more) if divided else (above + more, below + less)
    for unit in list(above):
        if unit in below:
            above.remove(unit)
            below.remove(unit)
    over = " × ".join(sorted(above)) or ("1" if below else "")
    return " / ".join([over, *sorted(below)])


def _factors(unit: str) -> tuple[list[str], list[str]]:
    """What is multiplied, and what is divided by, in a unit: ``"1 / USD bn / h"``."""
    above, *below = unit.split(" / ")
    return [factor for factor in above.split(" × ") if factor not in ("", "1")], below


def _merge(*groups: tuple) -> tuple:
    return tuple(dict.fromkeys(item for group in groups for item in group))


def _bracket(part: Quantity, sign: str, right: bool = False) -> str:
    """The part's expression, in brackets where the sign binds more tightly."""
    loose = (sign in "×/" and part.level == 2) or (right and sign == "−" and part.level == 2) or (right and sign == "/" and part.level == 1)
    return f"({part.expression})" if loose else part.expression
