"""What part of the rows a caller works on."""

from unkai.kernel.context import Context
from unkai.kernel.scope import Scope

SYSTEM = Scope.system()


def scope_of(context: Context) -> Scope:
    """Administrators reach every project's rows by id, others their own project's."""
    return SYSTEM if context.is_admin else context.scope
