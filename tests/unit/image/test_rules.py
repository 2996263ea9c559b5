"""Small rules: life of an image, ranges, settings, policy overrides."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.images import CALLERS, build
from unkai.image import policy
from unkai.image.api.ranges import asked_part
from unkai.image.errors import ImageNotFound, InvalidRange, ManyRanges
from unkai.image.model import TRANSITIONS, Image, may_become
from unkai.image.settings import GlanceStore, ImageOptions, datadir, storage_quota
from unkai.kernel.clock import utcnow
from unkai.kernel.errors import Forbidden
from unkai.kernel.policy import Policy
from unkai.kernel.settings import SettingsError, defaults


def test_the_life_of_an_image() -> None:
    for status, targets in TRANSITIONS.items():
        assert set(targets) <= set(TRANSITIONS)
        assert status == "deleted" or may_become(status, "deleted")
        assert not may_become(status, status)
    assert not may_become("active", "queued"), "data is never replaced under a server"
    assert not may_become("active", "saving")
    assert TRANSITIONS["deleted"] == ()


@given(
    st.binary(max_size=40), st.one_of(st.text(max_size=12), st.from_regex(r"bytes=\d{0,3}-\d{0,3}", fullmatch=True))
)
def test_a_range_is_a_slice_or_refused(data: bytes, text: str) -> None:
    try:
        part = asked_part({"range": text}, len(data))
    except (InvalidRange, ManyRanges):
        return
    assert part is not None
    cut = data[part.offset : part.offset + part.length]
    assert len(cut) == part.length > 0
    first, _, last = text.strip().removeprefix("bytes=").partition("-")
    if first == "":
        assert cut == data[-int(last) :]
    else:
        assert cut == data[int(first) : int(last) + 1 if last else None]


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("5", 5), ("5B", 5), ("2KB", 2048), ("1MB", 1 << 20), ("3GB", 3 << 30), ("1TB", 1 << 40)],
)
def test_storage_quotas(text: str, size: int) -> None:
    assert storage_quota(defaults(ImageOptions(user_storage_quota=text))) == size


@pytest.mark.parametrize("text", ["", "GB", "-5", "5 GB", "5gb", "5PB", "1.5GB"])
def test_a_quota_that_says_nothing_stops_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="user_storage_quota"):
        build(f"sqlite:///{tmp_path}/x.db", tmp_path, ImageOptions(user_storage_quota=text))


def test_an_unknown_digest_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="md17"):
        build(f"sqlite:///{tmp_path}/x.db", tmp_path, ImageOptions(hashing_algorithm="md17"))


def test_the_stores_folder() -> None:
    assert datadir(defaults(GlanceStore(filesystem_store_datadir="/srv/x"))) == Path("/srv/x")


def test_the_folder_follows_the_state_path(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = defaults()
    monkeypatch.setattr(settings, "value", lambda group, name: f"/{group}/{name}")
    assert datadir(settings) == Path("/DEFAULT/state_path/images")


def an_image(**changes: object) -> Image:
    values: dict[str, object] = {
        "id": "i",
        "name": "n",
        "status": "active",
        "visibility": "shared",
        "owner": "p-one",
        "protected": False,
        "os_hidden": False,
        "min_disk": 0,
        "min_ram": 0,
        "disk_format": "raw",
        "container_format": "bare",
        "created_at": utcnow(),
        "updated_at": utcnow(),
        **changes,
    }
    return Image(**values)  # type: ignore[arg-type]


def test_an_operators_rule_sees_the_image() -> None:
    rules = Policy(
        policy.POLICIES, {"download_image": "role:admin or 'open':%(license)s", "delete_image": "role:admin"}
    )
    stranger, owner = CALLERS["other"], CALLERS["member"]
    free, closed = an_image(visibility="public", properties={"license": "open"}), an_image(visibility="public")
    policy.authorize(rules, stranger, "download_image", free)
    with pytest.raises(Forbidden):
        policy.authorize(rules, stranger, "download_image", closed)
    with pytest.raises(Forbidden):
        policy.authorize(rules, owner, "delete_image", closed)


def test_properties_cannot_pose_as_facts() -> None:
    posing = an_image(visibility="private", properties={"owner": "p-two", "project_id": "p-two", "member_id": "p-two"})
    rules = Policy(policy.POLICIES)
    for rule in ("get_image", "modify_image", "delete_image", "download_image"):
        with pytest.raises(ImageNotFound):
            policy.authorize(rules, CALLERS["other"], rule, posing)


@pytest.mark.parametrize("visibility", ["private", "shared", "community", "public"])
def test_an_image_without_owner_is_changed_by_administrators_only(visibility: str) -> None:
    nobodys = an_image(owner=None, visibility=visibility)
    rules = Policy(policy.POLICIES)
    policy.authorize(rules, CALLERS["admin"], "modify_image", nobodys)
    for token in ("member", "unscoped", "service"):
        with pytest.raises((Forbidden, ImageNotFound)):
            policy.authorize(rules, CALLERS[token], "modify_image", nobodys)
