"""Exceptions and warnings of the package.

Every message names what is wrong, the value found, and what to do about it. Problems of input files
carry a numbered code (``S1xx`` refused, ``W1xx`` repaired or unknown) listed in ``docs/reference/codes.md``.
"""

from __future__ import annotations


class SubsideError(Exception):
    """Base of every error raised on purpose by this package."""


class ArgumentError(SubsideError, ValueError):
    """An argument breaks its stated rule."""


class InputFileError(SubsideError):
    """An input file cannot be used.

    Parameters
    ----------
    code : str
        Numbered code such as ``S103``.
    file : str
        The file at fault.
    problem : str
        Field, value found and rule broken.
    remedy : str
        What the user can do.
    """

    def __init__(self, code: str, file: object, problem: str, remedy: str) -> None:
        self.code = code
        self.file = str(file)
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"[{code}] {file}: {problem}. {remedy}")


class ProjectError(SubsideError):
    """The project folder, its configuration or the requested stage cannot be used."""


class PortError(SubsideError):
    """A port of this machine cannot be opened; the message names one that can."""


class BudgetError(SubsideError):
    """The memory or disk granted is below the floor of a stage."""


class UnknownQuantityError(SubsideError):
    """A quantity needed by a stage is not known for this track (never invented)."""


class SubsideWarning(UserWarning):
    """Base of every warning of this package."""


class InputRepairWarning(SubsideWarning):
    """A known producer bug was found in an input file and repaired; the message starts with its code."""


class UnknownQuantityWarning(SubsideWarning):
    """Something is not known and what depends on it is skipped."""


class ConvergenceWarning(SubsideWarning):
    """An iteration stopped at its limit before it converged."""
