"""Access rules: a token of a restricted application credential opens only the calls that its rules name.

Source: the access rules of Identity's application credentials. A path may hold
`*` or `{name}` for one part and `**` for any number; it is relative to the
service ("/v2.1/servers") or has the room's prefix.
"""

import functools
import re
from collections.abc import Iterable

from unkai.kernel.context import AccessRule

_PARTS = re.compile(r"\*\*|\*|\{[^}]*\}|[^*{]+|\{")


@functools.lru_cache(maxsize=4096)
def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARTS.findall(path)
    text = "".join(".*" if p == "**" else "[^/]+" if p == "*" or p.endswith("}") else re.escape(p) for p in parts)
    return re.compile(text)


def permits(rules: Iterable[AccessRule] | None, service: str, prefix: str, method: str, path: str) -> bool:
    """Whether rules (None means no limits) allow a call of a service whose paths begin with `prefix`."""
    if rules is None:
        return True
    below = path.removeprefix(prefix)
    if (service, method, below) == ("identity", "GET", "/v3/auth/tokens"):
        return True  # every token may be validated
    return any(
        rule.service == service
        and rule.method == method
        and any(_pattern(rule.path).fullmatch(candidate) for candidate in (below, path))
        for rule in rules
    )
