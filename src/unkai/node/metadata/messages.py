"""What the agent tells the metadata proxy, over a unix SOCK_SEQPACKET socket: one message, one reply.

The proxy is given open files and listening sockets, so that it needs no rights of its own.
"""

import msgspec

__all__ = ["Close", "Drop", "Listen", "Message", "Reply", "Serve", "State", "decode", "encode"]

LIMIT = 64 * 1024


class State(msgspec.Struct, frozen=True, tag="state"):
    """What do you have?"""


class Listen(msgspec.Struct, frozen=True, tag="listen"):
    """Serve this network on the listening socket that comes along, instead of any it had."""

    network_id: str


class Close(msgspec.Struct, frozen=True, tag="close"):
    network_id: str


class Serve(msgspec.Struct, frozen=True, tag="serve"):
    """Serve this guest from the record that comes along (an open file), at [network id, IPv4 address] each."""

    server_id: str
    addresses: list[tuple[str, str]]


class Drop(msgspec.Struct, frozen=True, tag="drop"):
    server_id: str


Message = State | Listen | Close | Serve | Drop


class Reply(msgspec.Struct, frozen=True):
    """`error` is empty when it is done. The rest answers State: release, networks listened on, servers served."""

    error: str = ""
    release: str = ""
    networks: list[str] = []
    servers: list[str] = []


def encode(message: Message | Reply) -> bytes:
    return msgspec.json.encode(message)


def decode(data: bytes) -> Message:
    message: Message = msgspec.json.decode(data, type=Message)
    return message
