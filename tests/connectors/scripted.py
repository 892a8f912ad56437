import socket
import threading
from typing import Any


class Scripted:
    """A server that sends, byte for byte, what it was told to, and then hangs up."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def will(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                self.requests.append(self._request(peer))
                last = len(self.answers) == 1
                peer.sendall(self.answers[0] if last else self.answers.pop(0))

    def _request(self, peer: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length")
        ]
        while lengths and len(body) < lengths[0]:
            body += peer.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def answer(
    body: str | bytes, status: int = 200, kind: str = "application/json", **more: Any
) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": kind, "Content-Length": len(content), **more}
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    head = f"HTTP/1.1 {status} Word\r\nConnection: close\r\n{lines}\r\n"
    return head.encode() + content
