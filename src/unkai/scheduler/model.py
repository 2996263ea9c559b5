"""What is asked of the scheduler and what it answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec


class ServerGroup(msgspec.Struct, frozen=True):
    """The server's group: its policy, its rules, and the hosts its members are on (a host once per member)."""

    policy: str
    rules: Mapping[str, Any] = {}
    hosts: tuple[str, ...] = ()


class PlaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a server needs of its host.

    `resources` are amounts per class for the server alone. `different_hosts` and `same_hosts` are names of hosts
    (the caller looked the hinted servers up). `excluded_hosts` were tried before. `forced_host` skips the filters,
    as an administrator's `zone:host` does. `hints` are what the user sent as scheduler hints.
    """

    server_id: str
    project_id: str
    user_id: str
    resources: Mapping[str, int]
    required_traits: frozenset[str] = frozenset()
    forbidden_traits: frozenset[str] = frozenset()
    zone: str | None = None
    image_id: str | None = None
    image_properties: Mapping[str, Any] = {}
    extra_specs: Mapping[str, str] = {}
    different_hosts: tuple[str, ...] = ()
    same_hosts: tuple[str, ...] = ()
    group: ServerGroup | None = None
    excluded_hosts: tuple[str, ...] = ()
    forced_host: str | None = None
    hints: Mapping[str, Any] = {}
    request_id: str = ""


class Why(msgspec.Struct, frozen=True):
    """Why a rule refused a host: what was needed, and what the host had."""

    needed: str
    had: str


class Placed(msgspec.Struct, frozen=True):
    """The server's host: claimed in the caller's transaction. `alternates` are the next best, best first."""

    host: str
    host_id: str
    alternates: tuple[str, ...]
    explanation_id: str


class Refused(msgspec.Struct, frozen=True):
    """No host. `message` is for the user: counts by rule, no names of hosts."""

    explanation_id: str
    message: str


class WhatIf(msgspec.Struct, frozen=True):
    """Where a server would go now. `fits` is how many of it the hosts that pass could take, one after another."""

    host: str | None
    fits: int
    message: str
    document: "Document"


class Refusal(msgspec.Struct, frozen=True):
    """One host in an explanation: the first rule that refused it."""

    host: str
    rule: str
    needed: str
    had: str


class Candidate(msgspec.Struct, frozen=True):
    """One host that passed: its weight in all, and each weigher's normalised part before the multiplier."""

    host: str
    weight: float
    parts: dict[str, float]


class Document(msgspec.Struct, frozen=True):
    """The explanation of a decision.

    `counts` are hosts refused per rule, in the order the rules were asked, and complete. `refused` and `passed` are
    bounded by [unkai_scheduler] explanation_hosts; `omitted` says how many hosts they leave out. `lost` are hosts
    whose claim another server won meanwhile.
    """

    outcome: Literal["placed", "refused", "what_if"]
    hosts: int
    counts: dict[str, int]
    message: str
    host: str | None = None
    request: dict[str, Any] = {}
    refused: tuple[Refusal, ...] = ()
    passed: tuple[Candidate, ...] = ()
    lost: tuple[Refusal, ...] = ()
    omitted: int = 0
    microseconds: int = 0


class Explanation(msgspec.Struct, frozen=True):
    """A document as it is kept."""

    id: str
    server_id: str
    project_id: str
    request_id: str
    created_at: datetime
    document: Document
