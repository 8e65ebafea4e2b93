"""Errors that a person can act on: each message states the rule, the value that broke it and a remedy."""

from __future__ import annotations


class FedRotError(Exception):
    """Base class of every error that this package raises on purpose."""


class ConfigError(FedRotError, ValueError):
    """A configuration value breaks a rule.

    Attributes:
        key: URL key of the offending field, so that a page can name the field and reset it.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class TraceError(FedRotError, ValueError):
    """A trace file is broken, has another version, or does not match its checksum."""


class AdapterError(FedRotError, ValueError):
    """An adapter's file is broken or not one that can be read, or it cannot be combined with the others."""


class ExportError(FedRotError, RuntimeError):
    """A file cannot be made on this machine: something it needs is missing, failed or took too long."""


class StoreError(FedRotError, RuntimeError):
    """Something kept on disk was damaged. It has been dropped, and what it held must be computed again."""


class DivergedError(FedRotError, ArithmeticError):
    """A numerical result is no longer finite, and nothing sensible can replace it."""


class Exhausted(FedRotError, RuntimeError):
    """The machine ran out of something, such as memory. Later, or for less, the same may work."""


class Cancelled(FedRotError):
    """The caller asked the computation to stop."""


def rule(name: str, rule_text: str, got: object, remedy: str, key: str = "") -> ConfigError:
    """Build an error in the form that all messages share: ``{name} must {rule_text}; got {got}. {remedy}``"""
    return ConfigError(_sentence(name, rule_text, got, remedy), key)


def adapter_rule(name: str, rule_text: str, got: object, remedy: str) -> AdapterError:
    """The same about adapters, whose files come from outside."""
    return AdapterError(_sentence(name, rule_text, got, remedy))


def _sentence(name: str, rule_text: str, got: object, remedy: str) -> str:
    return f"{name} must {rule_text}; got {_shown(got)}. {remedy}"


def brief(text: object, limit: int = 200) -> str:
    """``text`` for a message, cut at ``limit`` characters: what comes from a file may be of any length."""
    found = str(text)
    return found if len(found) <= limit else found[: limit - 1] + "…"


def _shown(value: object, limit: int = 80) -> str:
    """``repr`` for a message, cut at ``limit`` characters; never fails, even for integers too long to print."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__} that cannot be printed"
    return brief(text, limit)
