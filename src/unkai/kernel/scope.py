"""What part of the rows a store verb may see: one project, one domain, the whole system, or nothing."""

from typing import Any, Literal

import msgspec
import sqlalchemy as sa


class Scope(msgspec.Struct, frozen=True):
    """Every store verb takes one. `restrict` turns it into a WHERE clause, so forgetting it is visible."""

    kind: Literal["project", "domain", "system", "nothing"]
    id: str | None = None

    @staticmethod
    def project(project_id: str) -> "Scope":
        return Scope("project", project_id)

    @staticmethod
    def domain(domain_id: str) -> "Scope":
        return Scope("domain", domain_id)

    @staticmethod
    def system() -> "Scope":
        return Scope("system")

    @staticmethod
    def nothing() -> "Scope":
        return Scope("nothing")

    def sees(self, project_id: str | None) -> bool:
        return self.kind == "system" or (self.kind == "project" and project_id == self.id)


def restrict(
    query: sa.Select[Any],
    scope: Scope,
    project: sa.ColumnElement[Any],
    domain: sa.ColumnElement[Any] | None = None,
) -> sa.Select[Any]:
    """Limit a query to the rows of the scope by their project column (and domain column where there is one)."""
    if scope.kind == "system":
        return query
    if scope.kind == "project":
        return query.where(project == scope.id)
    if scope.kind == "domain" and domain is not None:
        return query.where(domain == scope.id)
    return query.where(sa.false())
