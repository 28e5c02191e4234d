"""Numbers as people read them, by their unit."""

import math
from datetime import date, datetime
from decimal import Decimal

from ml.boards.periods import long
from ml.charts import NOTHING, number

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
RATIO = "ratio"
MINUS = "\N{MINUS SIGN}"


def shown(value: float | None, unit: str = "") -> str:
    """A number with its unit: `$374,203`, `$29.49`, `12.3 %`, `1,996`; a dash for none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if unit == RATIO:
        return f"{value * 100:.1f} %"
    code = unit.split(" ")[0]
    sign = SIGNS.get(code, f"{code} " if len(code) == 3 and code.isupper() else "")
    amount = abs(value)
    text = f"{amount:,.2f}" if sign and amount < 1000 else f"{amount:,.0f}" if amount >= 1000 else number(amount)
    return f"{MINUS if value < 0 else ''}{sign}{text}"


def change(value: float, reference: float, unit: str) -> str:
    """How far a value lies from another: in points for ratios, else in per cent; without a sign."""
    if unit == RATIO:
        return f"{abs(value - reference) * 100:.1f} points"
    return shown(abs(value - reference), unit) if not reference else f"{abs(value / reference - 1) * 100:.1f} %"


def cell(value: object, unit: str = "") -> str:
    """Any value of a table."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{long(value.date())}, {value:%H:%M}"
    if isinstance(value, date):
        return long(value)
    if isinstance(value, int | float | Decimal):
        return shown(float(value), unit)
    return str(value)


def vega_format(unit: str) -> str:
    """The format of an axis in the terms of Vega (d3)."""
    if unit == RATIO:
        return ".1~%"
    return "$,.4~s" if unit.split(" ")[0] == "USD" else ",.4~s"
