"""Conditions of an environment file, `when: os == "ubuntu22.04"`, evaluated without running them.

Spack runs the text as Python. Here its syntax tree is walked, and only what Spack's documentation
names is known: `platform`, `os`, `target`, `arch` or `architecture` with `satisfies`, `arch_str`,
`hostname`, `env`, `re`; comparisons, `and`, `or`, `not`, and a few methods of text.
"""

from __future__ import annotations

import ast
import os
import platform
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import SpecSyntaxError
from pipeline.hosts import this_os, this_target
from pipeline.specs.grammar import parse_spec
from pipeline.specs.satisfy import ConcreteSpec, judge

MAX_LENGTH = 1000
TEXT_METHODS = ("startswith", "endswith", "lower", "upper", "strip")
# Where a pattern has to begin and end; the text itself is matched in linear time.
REGEX_FORMS = {"search": "{}", "match": r"\A(?:{})", "fullmatch": r"\A(?:{})\z"}


class ConditionError(Exception):
    """A condition uses something that is not supported here."""


@dataclass(frozen=True)
class Machine:
    """The attributes of this machine that conditions may use; None: unknown."""

    platform: str
    os: str | None
    target: str
    hostname: str
    environment: Mapping[str, str]

    def variables(self) -> dict[str, str | None]:
        """Return the variables whose values are text."""
        return {
            "platform": self.platform,
            "os": self.os,
            "target": self.target,
            "arch_str": self.os and f"{self.platform}-{self.os}-{self.target}",
            "hostname": self.hostname,
        }

    def satisfies(self, asked: str) -> bool:
        """Return whether the machine's architecture satisfies an abstract spec."""
        if self.os is None:
            raise ConditionError("this machine's os is unknown")
        try:
            node = parse_spec(asked)
        except SpecSyntaxError as error:
            raise ConditionError(f"{asked!r} is not a spec") from error
        own = ConcreteSpec("", "", "", (), self.platform, self.os, self.target, frozenset())
        judged = judge(node, own)
        if judged.answer is None:
            raise ConditionError(judged.reason)
        return judged.answer


def this_machine() -> Machine:
    """Return the attributes of this machine."""
    return Machine(
        platform.system().lower(),
        this_os(),
        this_target(),
        socket.gethostname(),
        os.environ,
    )


def evaluate(text: str, machine: Machine) -> bool:
    """Return whether a condition holds on a machine.

    Raises
    ------
    ConditionError
        It is no Python, or more than is known here; the message says what.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"longer than {MAX_LENGTH} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return bool(Evaluation(machine).value(tree.body))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConditionError("no Python expression") from error
    except TypeError as error:
        raise ConditionError(str(error)) from error


class Evaluation:
    """The value of one syntax tree."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.variables = machine.variables()

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression: text, boolean, number, None, or a list of these."""
        match node:
            case ast.Constant(value=str() | bool() | int() | float() | None):
                return node.value
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return [self.value(element) for element in elements]
            case ast.Name(id=name) if name in self.variables:
                if self.variables[name] is None:
                    raise ConditionError(f"this machine's {name} is unknown")
                return self.variables[name]
            case ast.Name(id="arch" | "architecture"):
                return self.value(ast.Name(id="arch_str"))
            case ast.BoolOp(op=ast.And()):
                return all(self.value(operand) for operand in node.values)
            case ast.BoolOp(op=ast.Or()):
                return any(self.value(operand) for operand in node.values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.value(operand)
            case ast.Compare():
                return self.comparison(node)
            case ast.Subscript(value=ast.Name(id="env"), slice=key):
                name = self.value(key)
                if name not in self.machine.environment:
                    raise ConditionError(f"the environment has no {name}")
                return self.machine.environment[name]
            case ast.Call(func=ast.Attribute(value=of, attr=method), args=arguments, keywords=[]):
                return self.call(of, method, [self.value(argument) for argument in arguments])
        raise ConditionError(f"{ast.unparse(node)[:80]!r} is not supported")

    def comparison(self, node: ast.Compare) -> bool:
        """Return whether a chain of comparisons holds."""
        left = self.value(node.left)
        for operator, operand in zip(node.ops, node.comparators, strict=True):
            right = self.value(operand)
            compare = COMPARISONS.get(type(operator))
            if compare is None:
                raise ConditionError(f"{ast.unparse(node)[:80]!r} is not supported")
            if not compare(left, right):
                return False
            left = right
        return True

    def call(self, of: ast.expr, method: str, arguments: list[Any]) -> Any:
        """Return the result of a method call."""
        match of, method, arguments:
            case ast.Name(id="env"), "get", [str(name)]:
                return self.machine.environment.get(name)
            case ast.Name(id="env"), "get", [str(name), default]:
                return self.machine.environment.get(name, default)
            case ast.Name(id="re"), "search" | "match" | "fullmatch", [str(pattern), str(text)]:
                return matches(REGEX_FORMS[method].format(pattern), text)
            case ast.Name(id="arch" | "architecture"), "satisfies", [str(asked)]:
                return self.machine.satisfies(asked)
        own = self.value(of)
        if method in TEXT_METHODS and isinstance(own, str):
            return getattr(own, method)(
                *(tuple(entry) if isinstance(entry, list) else entry for entry in arguments)
            )
        raise ConditionError(f"{ast.unparse(of)[:80]}.{method} is not supported")


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda left, right: bool(left == right),
    ast.NotEq: lambda left, right: bool(left != right),
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: lambda left, right: left is right,
    ast.IsNot: lambda left, right: left is not right,
}


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern is found in a text, in time linear in both.

    Python's own matcher can take exponential time on a hostile pattern.

    Raises
    ------
    ConditionError
        It is not a pattern, or needs more time, like one with back references.
    """
    import polars as pl

    try:
        return bool(pl.Series([text]).str.contains(pattern)[0])
    except pl.exceptions.PolarsError as error:
        raise ConditionError(f"the pattern {pattern!r} is not supported") from error
