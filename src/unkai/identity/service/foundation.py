"""What a cloud needs before anybody can ask it anything. May be run again: it repairs and never doubles."""

from itertools import pairwise

import msgspec

from unkai.identity.model import SYSTEM, Assignment, Endpoint, Listing, Project, Region, Role, Service, User
from unkai.identity.service import keyring, tokens
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.parts import Identity
from unkai.identity.service.users import set_password
from unkai.identity.settings import IdentityOptions
from unkai.identity.store import assignments, projects, roles, users, validation
from unkai.identity.store import catalog as catalog_store
from unkai.identity.store import tokens as token_store
from unkai.kernel.ids import new_hex
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

# Each role implies the next; `service` stands alone.
ROLES = ("admin", "manager", "member", "reader")
INTERFACES = ("public", "internal", "admin")


class CatalogEntry(msgspec.Struct, frozen=True):
    """A service and its path below the public endpoint."""

    type: str
    name: str
    path: str


SERVICES = (
    CatalogEntry("identity", "keystone", "/identity"),
    CatalogEntry("image", "glance", "/image"),
    CatalogEntry("compute", "nova", "/compute/v2.1"),
    CatalogEntry("network", "neutron", "/network"),
    CatalogEntry("placement", "placement", "/placement"),
)


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True):
    """`public_endpoint` is the base URL of every service, without a slash at its end.

    Without `demo_password` no user `demo` is made.
    """

    public_endpoint: str
    admin_password: str
    demo_password: str | None = None
    region_id: str = "RegionOne"
    services: tuple[CatalogEntry, ...] = SERVICES


class BootstrapResult(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of what is there now, by name."""

    domain_id: str
    region_id: str
    roles: dict[str, str]
    projects: dict[str, str]
    users: dict[str, str]
    services: dict[str, str]


def bootstrap(tx: Tx, kit: Kit, wanted: Bootstrap) -> BootstrapResult:
    """Domain default, roles, projects admin, demo and service, users admin and demo, region and catalog.

    Hashes passwords on the thread it runs on (twice 25 ms): for the command line, not for a request. A password that
    differs from the one in force is replaced, which is how a lost one is recovered.
    """
    identity = kit.get(Identity)
    keyring.ensure(tx, identity)
    domain_id = kit.settings[IdentityOptions].default_domain_id
    _domain(tx, domain_id)
    role_ids = _roles(tx)
    project_ids = {name: _project(tx, name, domain_id) for name in ("admin", "demo", "service")}
    user_ids = {"admin": _user(tx, kit, "admin", domain_id, wanted.admin_password, project_ids["admin"])}
    admin = role_ids["admin"]
    for target in (("project", project_ids["admin"]), ("domain", domain_id), ("system", SYSTEM)):
        assignments.insert(tx, Assignment(admin, "user", user_ids["admin"], target[0], target[1]))
    if wanted.demo_password is not None:
        user_ids["demo"] = _user(tx, kit, "demo", domain_id, wanted.demo_password, project_ids["demo"])
        member = Assignment(role_ids["member"], "user", user_ids["demo"], "project", project_ids["demo"])
        assignments.insert(tx, member)
    service_ids = _catalog(tx, wanted)
    token_store.bump(tx)
    return BootstrapResult(
        domain_id=domain_id,
        region_id=wanted.region_id,
        roles=role_ids,
        projects=project_ids,
        users=user_ids,
        services=service_ids,
    )


def _domain(tx: Tx, domain_id: str) -> None:
    if projects.get(tx, EVERYWHERE, domain_id) is None:
        projects.insert(tx, _new_project(domain_id, "Default", None, "The default domain"))


def _project(tx: Tx, name: str, domain_id: str) -> str:
    found = projects.by_name(tx, EVERYWHERE, name, domain_id)
    if found is None:
        found = _new_project(new_hex(), name, domain_id, f"The project {name} that the cloud was made with")
        projects.insert(tx, found)
    return found.id


def _new_project(project_id: str, name: str, domain_id: str | None, description: str) -> Project:
    return Project(
        id=project_id,
        name=name,
        domain_id=domain_id,
        parent_id=domain_id,
        is_domain=domain_id is None,
        enabled=True,
        description=description,
        options={},
        extra={},
    )


def _roles(tx: Tx) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (*ROLES, "service"):
        role = roles.by_name(tx, name)
        if role is None:
            role = Role(
                id=new_hex(), name=name, domain_id=None, description=None, options={"immutable": True}, extra={}
            )
            roles.insert(tx, role)
        found[name] = role.id
    for prior, implied in pairwise(ROLES):
        roles.imply(tx, found[prior], found[implied])
    return found


def _user(tx: Tx, kit: Kit, name: str, domain_id: str, password: str, project_id: str) -> str:
    identity = kit.get(Identity)
    user = users.by_name(tx, EVERYWHERE, name, domain_id)
    if user is None:
        user = User(
            id=new_hex(),
            name=name,
            domain_id=domain_id,
            enabled=True,
            default_project_id=project_id,
            options={},
            extra={},
            created_at=identity.now(),
        )
        users.insert(tx, user)
    login = validation.login(tx, user.id)
    if login is None or login.password_hash is None or not identity.hasher.verify_now(login.password_hash, password):
        set_password(tx, kit, user, identity.hasher.hash_now(password), self_service=True)
        tokens.revoke(tx, kit, "user", user.id)
    if not user.enabled:
        users.update(tx, EVERYWHERE, user.id, enabled=True)
    return user.id


def _catalog(tx: Tx, wanted: Bootstrap) -> dict[str, str]:
    if catalog_store.region(tx, wanted.region_id) is None:
        region = Region(id=wanted.region_id, parent_region_id=None, description="", extra={})
        catalog_store.insert_region(tx, region)
    services, _ = catalog_store.list_services(tx, Listing())
    endpoints, _ = catalog_store.list_endpoints(tx, Listing())
    found: dict[str, str] = {}
    for entry in wanted.services:
        service = next((one for one in services if one.type == entry.type), None)
        if service is None:
            service = Service(id=new_hex(), type=entry.type, name=entry.name, enabled=True, extra={})
            catalog_store.insert_service(tx, service)
        found[entry.type] = service.id
        for interface in INTERFACES:
            url = wanted.public_endpoint.rstrip("/") + entry.path
            _endpoint(tx, endpoints, service.id, wanted.region_id, interface, url)
    return found


def _endpoint(tx: Tx, known: list[Endpoint], service_id: str, region_id: str, interface: str, url: str) -> None:
    for endpoint in known:
        if (endpoint.service_id, endpoint.region_id, endpoint.interface) == (service_id, region_id, interface):
            if endpoint.url != url:
                catalog_store.update_endpoint(tx, endpoint.id, url=url)
            return
    new = Endpoint(
        id=new_hex(),
        service_id=service_id,
        region_id=region_id,
        interface=interface,
        url=url,
        enabled=True,
        extra={},
    )
    catalog_store.insert_endpoint(tx, new)
