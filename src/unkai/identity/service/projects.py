"""Projects and domains: creating, changing, tagging and deleting them, and the rules of their tree."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.identity.errors import DomainNotFound, Duplicate, Invalid, ProjectNotFound, Refused, TagNotFound
from unkai.identity.model import Listing, Project
from unkai.identity.service import cleanup, effective, lookup, tokens
from unkai.identity.service.fields import (
    Flag,
    Id,
    Options,
    ShortName,
    Tags,
    given,
    merged,
    refuse_change_of_immutable,
    refuse_deletion_of_immutable,
    truth,
    unique,
)
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.settings import DefaultOptions
from unkai.identity.store import projects as store
from unkai.identity.store import tokens as token_store
from unkai.identity.store.writing import Taken
from unkai.kernel.ids import new_hex
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


class ProjectFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a project."""

    name: ShortName | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    parent_id: Id | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    enabled: Flag | UnsetType = UNSET
    is_domain: bool | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    id: str | UnsetType = UNSET


class DomainFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a domain."""

    name: ShortName | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    enabled: Flag | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    explicit_domain_id: Id | UnsetType = UNSET
    id: str | UnsetType = UNSET


def listed(tx: Tx, scope: Scope, listing: Listing) -> tuple[list[Project], bool]:
    return store.listed(tx, scope, listing)


def of_user(tx: Tx, user_id: str, listing: Listing) -> tuple[list[Project], bool]:
    """The projects on which a user has a role, however it came to it."""
    found, _, _ = effective.reachable(tx, user_id)
    return store.listed(tx, EVERYWHERE, listing, found)


def domains_of_user(tx: Tx, user_id: str, listing: Listing) -> tuple[list[Project], bool]:
    _, found, _ = effective.reachable(tx, user_id)
    return store.listed(tx, EVERYWHERE, listing, found)


def has_system_role(tx: Tx, user_id: str) -> bool:
    return bool(effective.roles_on(tx, user_id, effective.SYSTEM_TARGET))


def create(tx: Tx, kit: Kit, wanted: ProjectFields, extra: dict[str, Any], default_domain_id: str) -> Project:
    """Create a project, or a domain when `is_domain` is set. Raises Invalid, Refused, Duplicate."""
    if isinstance(wanted.name, UnsetType):
        raise Invalid(reason="Invalid input for field 'name': 'name' is a required property.")
    is_domain = wanted.is_domain is True
    domain_id = wanted.domain_id or None
    parent_id = wanted.parent_id or None
    if is_domain:
        if parent_id is not None or domain_id is not None:
            raise Invalid(reason="only root projects are allowed to act as domains.")
    else:
        domain_id = domain_id or default_domain_id
        parent_id = parent_id or domain_id
        _check_place(tx, kit, domain_id, parent_id)
    project = Project(
        id=new_hex(),
        name=wanted.name.strip(),
        domain_id=domain_id,
        parent_id=parent_id,
        is_domain=is_domain,
        enabled=True if isinstance(wanted.enabled, UnsetType) else truth(wanted.enabled),
        description="" if isinstance(wanted.description, UnsetType) else wanted.description or "",
        options=merged({}, wanted.options),
        extra=extra,
        tags=() if isinstance(wanted.tags, UnsetType) else unique(wanted.tags),
    )
    return _insert(tx, project)


def _insert(tx: Tx, project: Project) -> Project:
    try:
        store.insert(tx, project)
    except Taken as error:
        raise _name_taken(project.is_domain, project.name, project.id) from error
    # Inherited roles reach the new project at once, and lists of projects are cached nowhere.
    return project


def _name_taken(is_domain: bool, name: str, identity: str) -> Duplicate:
    if is_domain:
        reason = f"it is not permitted to have two projects acting as domains with the same name: {name}"
        return Duplicate(kind="project", reason=reason)
    reason = (
        "it is not permitted to have two projects with either the same name or same id in the same domain: "
        f"name is {name}, project id {identity}"
    )
    return Duplicate(kind="project", reason=reason)


def _check_place(tx: Tx, kit: Kit, domain_id: str, parent_id: str) -> None:
    """The domain exists, the parent is in it, everything above is enabled, and the tree is not too deep."""
    try:
        domain = lookup.domain(tx, domain_id)
        parent = lookup.project(tx, parent_id)
    except (DomainNotFound, ProjectNotFound) as error:
        # Upstream: a wrong reference in the body is a bad request, not a missing page.
        raise Invalid(reason=error.message) from error
    if (parent.id if parent.is_domain else parent.domain_id) != domain.id:
        raise Invalid(
            reason=f"Cannot create project, since it specifies its domain_id {domain.id}, but specifies a parent in "
            f"a different domain ({parent.domain_id or parent.id})."
        )
    line = [parent, *store.ancestors(tx, EVERYWHERE, parent.id)]
    disabled = next((project for project in line if not project.enabled), None)
    if disabled is not None:
        raise Invalid(reason=f"cannot create a project in a branch containing a disabled project: {disabled.id}")
    # The domain itself is the first of the line and does not count.
    if len(line) > kit.settings[DefaultOptions].max_project_tree_depth:
        raise Refused(reason=f"Max hierarchy depth reached for {parent.id} branch.")


def update(tx: Tx, kit: Kit, project_id: str, wanted: ProjectFields, extra: dict[str, Any], changed: int) -> Project:
    """Change a project, or a domain as a project. Raises ProjectNotFound, Invalid, Refused, Immutable, Duplicate."""
    old = lookup.project(tx, project_id)
    refuse_change_of_immutable("domain" if old.is_domain else "project", old.id, old.options, changed, wanted.options)
    if not isinstance(wanted.domain_id, UnsetType) and wanted.domain_id != old.domain_id:
        raise Invalid(reason="Cannot change Domain ID")
    if not isinstance(wanted.parent_id, UnsetType) and wanted.parent_id != old.parent_id:
        raise Refused(reason="Update of `parent_id` is not allowed.")
    if not isinstance(wanted.is_domain, UnsetType) and wanted.is_domain != old.is_domain:
        raise Invalid(reason="Update of `is_domain` is not allowed.")
    if not isinstance(wanted.enabled, UnsetType):
        _switch(tx, kit, old, truth(wanted.enabled))
    values = given(name=wanted.name, description=wanted.description, options=wanted.options)
    if "name" in values:
        values["name"] = values["name"].strip()
    if "description" in values:
        values["description"] = values["description"] or ""
    if "options" in values:
        values["options"] = merged(old.options, wanted.options)
    if extra:
        values["extra"] = old.extra | extra
    try:
        store.update(tx, EVERYWHERE, [old.id], **values)
    except Taken as error:
        raise _name_taken(old.is_domain, str(values.get("name", old.name)), old.id) from error
    if not isinstance(wanted.tags, UnsetType):
        store.set_tags(tx, EVERYWHERE, old.id, unique(wanted.tags))
    # Contexts carry names of projects and domains.
    token_store.bump(tx)
    return lookup.project(tx, project_id)


def _switch(tx: Tx, kit: Kit, project: Project, enabled: bool) -> None:
    """Enable or disable. A project that goes out takes the tokens on it along for good."""
    if enabled == project.enabled:
        return
    if enabled:
        if any(not above.enabled for above in store.ancestors(tx, EVERYWHERE, project.id)):
            raise Refused(reason=f"Cannot enable project {project.id} since it has disabled parents")
    elif not project.is_domain and any(below.enabled for below in store.descendants(tx, EVERYWHERE, project.id)):
        raise Refused(reason=f"Cannot disable project {project.id} since its subtree contains enabled projects.")
    store.update(tx, EVERYWHERE, [project.id], enabled=enabled)
    if not enabled:
        tokens.revoke(tx, kit, "domain" if project.is_domain else "project", project.id)


def create_domain(tx: Tx, kit: Kit, wanted: DomainFields, extra: dict[str, Any]) -> Project:
    """Raises Invalid, Duplicate."""
    if isinstance(wanted.name, UnsetType):
        raise Invalid(reason="Invalid input for field 'name': 'name' is a required property.")
    explicit = wanted.explicit_domain_id
    project = Project(
        id=new_hex() if isinstance(explicit, UnsetType) else explicit,
        name=wanted.name.strip(),
        domain_id=None,
        parent_id=None,
        is_domain=True,
        enabled=True if isinstance(wanted.enabled, UnsetType) else truth(wanted.enabled),
        description="" if isinstance(wanted.description, UnsetType) else wanted.description or "",
        options=merged({}, wanted.options),
        extra=extra,
        tags=() if isinstance(wanted.tags, UnsetType) else unique(wanted.tags),
    )
    return _insert(tx, project)


def update_domain(
    tx: Tx, kit: Kit, domain_id: str, wanted: DomainFields, extra: dict[str, Any], changed: int
) -> Project:
    """Raises DomainNotFound and what `update` raises."""
    lookup.domain(tx, domain_id)
    fields = ProjectFields(
        name=wanted.name,
        description=wanted.description,
        enabled=wanted.enabled,
        tags=wanted.tags,
        options=wanted.options,
    )
    return update(tx, kit, domain_id, fields, extra, changed)


def delete(tx: Tx, kit: Kit, project_id: str) -> None:
    """Delete a leaf of the tree with its roles, credentials and limits; a domain when it is one.

    Raises ProjectNotFound, Immutable, Refused.
    """
    project = lookup.project(tx, project_id)
    if project.is_domain:
        delete_domain(tx, kit, project_id)
        return
    refuse_deletion_of_immutable("project", project.id, project.options)
    if store.descendants(tx, EVERYWHERE, project.id):
        raise Refused(
            reason=f"Cannot delete the project {project.id} since it is not a leaf in the hierarchy. Use the cascade "
            "option if you want to delete a whole subtree."
        )
    cleanup.projects(tx, [project.id])
    store.delete(tx, EVERYWHERE, [project.id])
    tokens.revoke(tx, kit, "project", project.id)


def delete_domain(tx: Tx, kit: Kit, domain_id: str) -> None:
    """Delete a domain that is disabled, with everything in it. Raises DomainNotFound, Immutable, Refused."""
    domain = lookup.domain(tx, domain_id)
    refuse_deletion_of_immutable("domain", domain.id, domain.options)
    if domain.enabled:
        raise Refused(reason="Cannot delete a domain that is enabled, please disable it first.")
    inside = store.descendants(tx, EVERYWHERE, domain.id)
    for project in inside:
        refuse_deletion_of_immutable("project", project.id, project.options)
    family = [*(project.id for project in inside), domain.id]
    cleanup.domain_contents(tx, kit, domain.id)
    cleanup.projects(tx, family)
    store.delete(tx, EVERYWHERE, family)


def tag(tx: Tx, project_id: str, name: str) -> Project:
    """Put one tag on a project. Raises ProjectNotFound, Refused when it is immutable, Invalid beyond 80 tags."""
    project = lookup.project(tx, project_id)
    if project.options.get("immutable"):
        raise Refused(
            reason=f'Cannot create project tags for {project.id}, project is immutable. Set "immutable" option to '
            "false before creating project tags."
        )
    if name not in project.tags:
        return set_tags(tx, project_id, [*project.tags, name])
    return project


def set_tags(tx: Tx, project_id: str, names: Sequence[str]) -> Project:
    """Replace all tags. Raises ProjectNotFound, Immutable, Invalid."""
    project = lookup.project(tx, project_id)
    refuse_change_of_immutable("project", project.id, project.options, 1, UNSET)
    if len(names) > 80:
        raise Invalid(reason="Invalid input for field 'tags': a project has at most 80 tags.")
    store.set_tags(tx, EVERYWHERE, project_id, unique(names))
    return msgspec.structs.replace(project, tags=unique(names))


def untag(tx: Tx, project_id: str, name: str) -> None:
    """Raises ProjectNotFound, TagNotFound, Immutable."""
    project = lookup.project(tx, project_id)
    if name not in project.tags:
        raise TagNotFound(id=name)
    set_tags(tx, project_id, [other for other in project.tags if other != name])


def ancestors(tx: Tx, project_id: str, visible_to: str | None = None) -> list[Project]:
    """Everything above a project, nearest first; with `visible_to` only where that user has a role."""
    return _visible(tx, store.ancestors(tx, EVERYWHERE, project_id), visible_to)


def descendants(tx: Tx, project_id: str, visible_to: str | None = None) -> list[Project]:
    """Everything below a project, parents first; with `visible_to` only where that user has a role."""
    return _visible(tx, store.descendants(tx, EVERYWHERE, project_id), visible_to)


def _visible(tx: Tx, found: list[Project], user_id: str | None) -> list[Project]:
    if user_id is None:
        return found
    reachable, _, _ = effective.reachable(tx, user_id)
    return [project for project in found if project.id in reachable]


def check_tag(project: Project, name: str) -> None:
    """Raises TagNotFound."""
    if name not in project.tags:
        raise TagNotFound(id=name)
