"""What can go wrong, as one tree; each message names the place and the remedy."""


class MartletError(Exception):
    """Any error that a user can mend. `exit_code` follows dbt: 1 something failed, 2 could not run."""

    exit_code = 2


class ProjectError(MartletError):
    """No project, profile or manifest to work with."""


class DeclarationError(MartletError):
    """A declaration that can't be read; the message names the file, the key and the nearest right word."""


class WarehouseError(MartletError):
    """The warehouse can't be opened, read or written."""


class WarehouseMissingError(WarehouseError):
    """There is no warehouse yet: nothing has been built."""


class DataError(MartletError):
    """The data can't carry what was declared."""

    exit_code = 1


class PipelineError(MartletError):
    """A stored pipeline is missing, altered, or not of the types that may be loaded."""

    exit_code = 1


class CardError(MartletError):
    """The card of a run can't be written; the run itself is stored."""

    exit_code = 1


class AlertError(MartletError):
    """An alert could not be delivered."""

    exit_code = 1


class PublishError(MartletError):
    """Something can't be published; what readers see stays as it was."""

    exit_code = 1


class ForbiddenError(MartletError):
    """A caller asks for what it may not see."""


class NotFoundError(MartletError):
    """What a caller asks for does not exist, or not for this caller."""


class DbtError(MartletError):
    """A dbt command ended with failures; `nodes` are the unique ids of what failed, each with its message."""

    exit_code = 1

    def __init__(self, message: str, nodes: dict[str, str] | None = None) -> None:
        """Say what failed."""
        super().__init__(message)
        self.nodes = nodes or {}
