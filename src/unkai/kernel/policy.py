"""Policy: oslo.policy's rule language, compiled once to closures.

A room declares `Rule`s; operators override them in policy.yaml or policy.json.
oslo.policy parses the check strings (its grammar is the contract with
operators); walking its tree on every request would cost several times the
request itself, so each tree becomes a closure when the rules are loaded.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from oslo_policy import _checks, _parser

from unkai.kernel import log
from unkai.kernel.context import Context
from unkai.kernel.errors import Forbidden

Target = Mapping[str, Any]
Check = Callable[[Target, Mapping[str, Any]], bool]
_log = log.get(__name__)


class Rule(msgspec.Struct, frozen=True):
    """One permission under upstream's name. `check` is its default; `legacy` are older names operators may use.

    `operations` ("POST /servers") are for the reference. `scopes` limits the kinds of token where upstream does.
    """

    name: str
    check: str
    description: str
    operations: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    legacy: tuple[str, ...] = ()


class PolicyError(Exception):
    """A policy file that cannot be used; the message names the file or rule and the reason."""


class Policy:
    """The rules in force. `allows` asks, `authorize` refuses with `Forbidden`."""

    def __init__(self, rules: Iterable[Rule], overrides: Mapping[str, str] | None = None) -> None:
        self.rules: dict[str, Rule] = {}
        for rule in rules:
            # All rooms' rules share one namespace, as they share the operators' file: the same name with another
            # meaning would silently change what the other room permits.
            if self.rules.setdefault(rule.name, rule).check != rule.check:
                raise PolicyError(f"{rule.name} is declared with two different checks")
        texts = {rule.name: rule.check for rule in self.rules.values()}
        names: dict[str, list[str]] = {}
        for rule in self.rules.values():
            for old in rule.legacy:
                names.setdefault(old, []).append(rule.name)
        # An older name may have stood for what are several rules now; a rule's own name counts more.
        given = overrides or {}
        for name in sorted(given, key=lambda name: name not in names):
            for target in names.get(name, []):
                texts[target] = given[name]
            if name in self.rules or name not in names:
                texts[name] = given[name]
        self._checks: dict[str, Check] = {}
        for name, text in texts.items():
            self._checks[name] = self._compile(_parser.parse_rule(text))

    def allows(self, context: Context, name: str, target: Target | None = None) -> bool:
        """Whether the caller may do `name` to `target` (default: something of its own project).

        Raises KeyError for a rule nobody declared: a typing error must not open or close a door silently.
        """
        rule = self.rules.get(name)
        if rule is not None and rule.scopes and not self._in_scope(context, rule.scopes):
            return False
        if target is None:
            target = {"project_id": context.project_id, "user_id": context.user_id}
        return self._checks[name](target, context.credentials())

    def authorize(self, context: Context, name: str, target: Target | None = None) -> None:
        """Raises Forbidden naming the rule."""
        if not self.allows(context, name, target):
            raise Forbidden(rule=name)

    @staticmethod
    def _in_scope(context: Context, scopes: tuple[str, ...]) -> bool:
        # As oslo.policy has it: neither of the system nor of a domain counts as of a project, unscoped too.
        if context.system_scope is not None:
            return "system" in scopes
        return ("domain" if context.domain_id is not None else "project") in scopes

    def _compile(self, tree: Any) -> Check:
        if isinstance(tree, _checks.TrueCheck):
            return lambda target, creds: True
        if isinstance(tree, _checks.AndCheck):
            parts = [self._compile(rule) for rule in tree.rules]
            return lambda target, creds: all(part(target, creds) for part in parts)
        if isinstance(tree, _checks.OrCheck):
            parts = [self._compile(rule) for rule in tree.rules]
            return lambda target, creds: any(part(target, creds) for part in parts)
        if isinstance(tree, _checks.NotCheck):
            inner = self._compile(tree.rule)
            return lambda target, creds: not inner(target, creds)
        if isinstance(tree, _checks.RuleCheck):
            return self._rule_check(tree.match)
        if isinstance(tree, _checks.RoleCheck):
            return _role_check(tree.match)
        if isinstance(tree, _checks.GenericCheck):
            return _generic_check(tree.kind, tree.match)
        # FalseCheck, and whatever a later grammar may bring: closed is the safe side.
        return lambda target, creds: False

    def _rule_check(self, name: str) -> Check:
        checks = self._checks

        def check(target: Target, creds: Mapping[str, Any]) -> bool:
            referred = checks.get(name)
            return referred is not None and referred(target, creds)

        return check


def _role_check(match: str) -> Check:
    wanted = match.lower()
    if "%(" in wanted:

        def check(target: Target, creds: Mapping[str, Any]) -> bool:
            try:
                role = match % target
            except (KeyError, TypeError):
                return False
            return role.lower() in (have.lower() for have in creds["roles"])

        return check
    return lambda target, creds: any(wanted == have.lower() for have in creds["roles"])


def _generic_check(kind: str, match: str) -> Check:
    """`kind:match` where kind is a credential's path or a literal, and match may name target values: %(a.b)s."""
    try:
        literal: Any = ast.literal_eval(kind)
        is_literal = True
    except (ValueError, SyntaxError):
        literal, is_literal = None, False

    def check(target: Target, creds: Mapping[str, Any]) -> bool:
        try:
            wanted = match % target if "%(" in match else match
        except (KeyError, TypeError):
            return False
        if is_literal:
            return str(literal) == wanted
        value: Any = creds
        for part in kind.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return False
            value = value[part]
        if isinstance(value, list | tuple):
            return wanted in (str(item) for item in value)
        # "domain_id:None" asks for the absence of a value; a target's value that is missing must not match it.
        return (value is not None or "%(" not in match) and str(value) == wanted

    return check


def read_overrides(paths: Iterable[Path]) -> dict[str, str]:
    """An operator's policy files, later ones first in force. Raises PolicyError."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, yaml.YAMLError) as error:
            raise PolicyError(f"{path}: {error}") from error
        if content is None:
            continue
        if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
            raise PolicyError(f"{path}: expected a mapping of rule names to check strings")
        found.update({str(name): text for name, text in content.items()})
        _log.info("policy file read", path=str(path), rules=len(content))
    return found
