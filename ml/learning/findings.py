"""What a check finds, in the words and numbers that are stored of it."""

from dataclasses import dataclass

LEVELS = ("error", "warning", "info")

# Judgements, which a person may overrule with --force; without what the other checks ask for, nothing can be trained.
JUDGEMENTS = frozenset(
    {"rows", "classes", "enough data", "target copy", "future value", "identifier", "entity overlap"}
) | {
    "duplicated rows",
    "single feature",
}


@dataclass(frozen=True)
class Finding:
    """One thing found; a `level` of error forbids training, a warning does not, an info is only told.

    `value` is what was measured and `threshold` what it was held against, where there is such a number.
    """

    level: str
    check: str
    message: str
    feature: str | None = None
    value: float | None = None
    threshold: float | None = None

    @property
    def forbids(self) -> bool:
        """Whether nobody may train on it, not even with --force."""
        return self.level == "error" and self.check not in JUDGEMENTS
