"""/traits (upstream API: since 1.6)."""

from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.answer import accepts_json, answer, done, location, newest, no_content
from unkai.placement.api.query import Form, Param
from unkai.placement.catalog import is_custom
from unkai.placement.errors import InvalidQuery, InvalidTraitName
from unkai.placement.service import names
from unkai.placement.service.names import Name
from unkai.placement.versions import since

_FORM = Form({"name": Param(), "associated": Param()})


async def list_traits(req: Request) -> Response:
    """Query: `name=in:A,B` or `name=startswith:X`, `associated=true|false`."""
    req.authorize("placement:traits:list")
    accepts_json(req)
    query = _FORM.check(req)
    associated = _flag(query.get("associated"))
    found = await req.kit.db.read(_select, query.get("name"), associated)
    return answer(req, {"traits": [one.name for one in found]}, modified=newest(one.updated_at for one in found))


def _flag(text: str | None) -> bool | None:
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise InvalidQuery(reason=f"associated parameter must be true or false, got {text[:32]}")
    return text.lower() == "true"


def _select(tx: Tx, name: str | None, associated: bool | None) -> list[Name]:
    found = names.traits(tx)
    if name is not None:
        operator, _, value = name.partition(":")
        if operator == "in":
            wanted = set(value.split(","))
            found = [one for one in found if one.name in wanted]
        elif operator == "startswith":
            found = [one for one in found if one.name.startswith(value)]
        else:
            raise InvalidQuery(
                reason="Badly formatted name parameter. Expected name query string parameter in form: "
                f'?name=[in|startswith]:[name1,name2|prefix]. Got: "{name[:255]}"'
            )
    if associated is not None:
        used = names.traits_in_use(tx)
        found = [one for one in found if (one.name in used) == associated]
    return found


async def show_trait(req: Request) -> Response:
    req.authorize("placement:traits:show")
    found = await req.kit.db.read(names.trait, req.params["name"])
    return no_content(req, modified=found.updated_at)


async def ensure_trait(req: Request) -> Response:
    req.authorize("placement:traits:update")
    name = req.params["name"]
    if not is_custom(name):
        raise InvalidTraitName
    made = await req.kit.db.run(names.ensure_trait, name)
    return no_content(req, 201 if made else 204, Location=location(req, f"/traits/{name}"))


async def delete_trait(req: Request) -> Response:
    req.authorize("placement:traits:delete")
    await req.kit.db.run(names.remove_trait, req.params["name"])
    return done()


ROUTES = (
    Route("GET", "/traits", list_traits, since=since(6)),
    Route("GET", "/traits/{name}", show_trait, since=since(6)),
    Route("PUT", "/traits/{name}", ensure_trait, since=since(6)),
    Route("DELETE", "/traits/{name}", delete_trait, since=since(6)),
)
