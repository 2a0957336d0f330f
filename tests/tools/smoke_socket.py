#!/usr/bin/env python3
"""Opens Taskflow's WebSocket as the page does, with its Origin, and prints each message on a line: smoke_socket.py URL.

The first line is `open`, printed after the server has answered a ping, so that no later change is missed. Runs until it is killed. Needs only Python,
which every machine of the pipeline has. Environment: TASKFLOW_API_TOKEN, if there is one; CURL_CA_BUNDLE, another list of authorities.
"""
import base64
import os
import socket
import ssl
import struct
import sys
import urllib.parse

TIMEOUT = 120
PING, PONG, TEXT, CLOSE = 9, 10, 1, 8


def connect(parts):
    port = parts.port or (443 if parts.scheme == "https" else 80)
    stream = socket.create_connection((parts.hostname, port), timeout=TIMEOUT)
    if parts.scheme != "https":
        return stream
    context = ssl.create_default_context(cafile=os.environ.get("CURL_CA_BUNDLE"))
    context.set_alpn_protocols(["http/1.1"])
    return context.wrap_socket(stream, server_hostname=parts.hostname)


def upgrade(stream, parts):
    """Returns the bytes that arrived after the handshake."""
    protocols = ["taskflow"]
    token = os.environ.get("TASKFLOW_API_TOKEN")
    if token:
        protocols.append("bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("="))
    lines = [
        "GET /ws/notifications HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Origin: {parts.scheme}://{parts.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol: " + ", ".join(protocols),
    ]
    stream.sendall("".join(line + "\r\n" for line in [*lines, ""]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        chunk = stream.recv(4096)
        if not chunk:
            break
        answer += chunk
    head, _, rest = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n")[0].decode(errors="replace")
    if status.split(" ")[1:2] != ["101"]:
        sys.exit(f"the WebSocket is refused: {status or 'no answer'} {rest[:300].decode(errors='replace')}")
    return rest


def send(stream, opcode, payload=b""):
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    stream.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)


def frames(stream, buffer):
    """Yields opcode and payload of each frame. Taskflow's messages are one frame each."""

    def take(count):
        nonlocal buffer
        while len(buffer) < count:
            chunk = stream.recv(65536)
            if not chunk:
                sys.exit("the WebSocket is closed")
            buffer += chunk
        taken, buffer = buffer[:count], buffer[count:]
        return taken

    while True:
        first, length = take(2)
        if length == 126:
            (length,) = struct.unpack("!H", take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", take(8))
        yield first & 0x0F, take(length)


def main():
    parts = urllib.parse.urlsplit(sys.argv[1])
    stream = connect(parts)
    buffer = upgrade(stream, parts)
    send(stream, PING)
    for opcode, payload in frames(stream, buffer):
        if opcode == PONG:
            print("open", flush=True)
        elif opcode == PING:
            send(stream, PONG, payload)
        elif opcode == TEXT:
            print(payload.decode(), flush=True)
        elif opcode == CLOSE:
            sys.exit(f"the WebSocket is closed: {payload[2:].decode(errors='replace')}")


main()
