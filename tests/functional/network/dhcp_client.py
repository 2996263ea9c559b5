"""Ask for an address by DHCP on an interface, as a guest does, and print the answer as JSON.

    python dhcp_client.py INTERFACE

Exit status 1: nobody answered within five seconds.
"""

import json
import secrets
import socket
import struct
import sys
import time
from typing import Any

MAGIC = b"\x63\x82\x53\x63"
DISCOVER, OFFER = 1, 2


def discover(mac: bytes, transaction: bytes) -> bytes:
    """An Ethernet frame with a DHCPDISCOVER that asks for everything the tests look at."""
    wanted = bytes([55, 7, 1, 3, 6, 15, 26, 121, 66])
    bootp = struct.pack("!BBBB4sHH", 1, 1, 6, 0, transaction, 0, 0x8000) + bytes(16) + mac.ljust(16, b"\0")
    payload = bootp + bytes(192) + MAGIC + bytes([53, 1, DISCOVER]) + wanted + b"\xff"
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]
    return b"\xff" * 6 + mac + b"\x08\x00" + header + udp


def answer(frame: bytes, transaction: bytes) -> dict[str, Any] | None:
    """The offer in a frame, if it is one for us."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    udp = frame[14 + (frame[14] & 15) * 4 :]
    bootp = udp[8:]
    if udp[2:4] != b"\x00\x44" or bootp[4:8] != transaction or bootp[236:240] != MAGIC:
        return None
    options, rest = {}, bootp[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        options[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    if options.get(53) != bytes([OFFER]):
        return None
    return {
        "address": socket.inet_ntoa(bootp[16:20]),
        "netmask": socket.inet_ntoa(options[1]),
        "router": socket.inet_ntoa(options[3]) if 3 in options else None,
        "servers": [socket.inet_ntoa(options[6][at : at + 4]) for at in range(0, len(options.get(6, b"")), 4)],
        "domain": options.get(15, b"").decode(),
        "mtu": int.from_bytes(options.get(26, b""), "big"),
        "tftp": options.get(66, b"").decode(),
        "routes": routes(options.get(121, b"")),
    }


def routes(text: bytes) -> list[str]:
    """Option 121: width, as many octets of the destination as it needs, and the next hop."""
    found = []
    while text:
        octets = (text[0] + 7) // 8
        destination = socket.inet_ntoa(text[1 : 1 + octets].ljust(4, b"\0"))
        hop = socket.inet_ntoa(text[1 + octets : 5 + octets])
        found.append(f"{destination}/{text[0]} via {hop}")
        text = text[5 + octets :]
    return found


def main(interface: str) -> int:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
        link.bind((interface, 0))
        mac = link.getsockname()[4]
        transaction = secrets.token_bytes(4)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            link.send(discover(mac, transaction))
            link.settimeout(0.5)
            try:
                while True:
                    found = answer(link.recv(65535), transaction)
                    if found is not None:
                        print(json.dumps(found))
                        return 0
            except TimeoutError:
                continue
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
