"""The few errors that cross rooms; each carries what its reader needs to act, and never patient data."""

from dataclasses import dataclass


class SecondReadError(Exception):
    """Anything this project raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in our own content, at one place: `file:line:column: severity[code]: message`."""

    file: str
    line: int
    column: int
    code: str
    message: str
    severity: str = "error"  # error | warning

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}[{self.code}]: {self.message}"


class ContentError(SecondReadError):
    """Our own content (rules, lexicon, value sets, card texts) is wrong; carries every problem at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class SettingsError(SecondReadError):
    """A setting is missing, unreadable or contradicts another; the message names it and what is expected."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault in a request: where (JSON path such as `$.context.patientId`) and what was expected there."""

    path: str
    expected: str


class BadRequest(SecondReadError):
    """The request breaks CDS Hooks; answered with `status` and an OperationOutcome naming each issue."""

    def __init__(self, issues: tuple[Issue, ...], status: int = 400) -> None:
        self.issues = issues
        self.status = status
        super().__init__("; ".join(f"{issue.path}: {issue.expected}" for issue in issues))


class Unauthorized(SecondReadError):
    """The caller could not be authenticated. The reason is for the log alone; the answer is a bare 401."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ReplayStoreUnavailable(SecondReadError):
    """Whether a token was seen before cannot be known; the call is refused for now, and may be repeated."""


class TooManyCalls(SecondReadError):
    """The caller is over its rate; the answer says after how many seconds it may call again."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"again after {seconds} s")


class PrefetchRequired(SecondReadError):
    """No relevant order could be decided for lack of prefetch and no read was possible (CDS Hooks: 412)."""

    def __init__(self, keys: tuple[str, ...], reason: str) -> None:
        self.keys = keys
        self.reason = reason
        super().__init__(f"{', '.join(keys)}: {reason}")


class LedgerUnavailable(SecondReadError):
    """The ledger could not make a record durable; feedback is then refused so that the client repeats it."""
