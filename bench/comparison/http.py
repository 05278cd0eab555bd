"""Small HTTP helpers: the measured requests are made by `load.rs`."""

import http.client
import json
import socket
import time

from .run import Failed


def get(port: int, path: str, timeout: float = 120) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise Failed(f"GET {path} answered {answer.status}: {body[:200].decode(errors='replace')}")
    return body


def get_json(port: int, path: str):
    return json.loads(get(port, path))


def wait(port: int, path: str, seconds: float = 30) -> None:
    """Knocks until somebody answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            get(port, path, timeout=5)
            return
        except (OSError, Failed, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                raise Failed(f"nobody answers on {path} within {seconds:.0f} s: {error}") from error
            time.sleep(0.02)


def stream(port: int, path: str) -> socket.socket:
    """Opens a request whose answer does not end."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
    return connection
