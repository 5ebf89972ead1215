"""The server gives what the page asks for and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest

from subside.errors import ArgumentError, PortError, ProjectError
from subside.viewer import ViewerData, make_server, serve
from subside.viewer.data import BLOCK_ROWS
from subside.viewer.server import ASSETS

Serving = Callable[[ViewerData], str]


def ask(url: str, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, bytes, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        policy = answer.getheader("Content-Security-Policy") or ""
        return answer.status, answer.read(), policy
    finally:
        connection.close()


def test_page_columns_and_blocks(two_tracks: ViewerData, serving: Serving) -> None:
    url = serving(two_tracks)
    assert url.startswith("http://127.0.0.1:")
    for name in ("", *ASSETS):
        status, body, policy = ask(url, "/" + name)
        assert status == 200
        assert body
        assert "default-src 'none'" in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
    manifest = json.loads(ask(url, "/data/manifest.json")[1])
    assert manifest["title"] == "Two tracks beside a line"
    assert ask(url, "/data/1/rate.bin")[1] == two_tracks.column(1, "rate")
    body = ask(url, "/data/0/block/2.bin")[1]
    rows = 3000 - 2 * BLOCK_ROWS
    values = np.frombuffer(body, "<f4").reshape(2, rows, 24)
    points = two_tracks.sets[0]
    np.testing.assert_array_equal(values[0], np.asarray(points.displacement)[2 * BLOCK_ROWS :] * np.float32(1000))
    assert points.displacement_std is not None
    np.testing.assert_array_equal(values[1], np.asarray(points.displacement_std)[2 * BLOCK_ROWS :] * np.float32(1000))
    assert json.loads(ask(url, "/data/0/block/0.json")[1])[7] == "t142-7"


@pytest.mark.parametrize("path", ["/", "/app.js", "/data/0/rate.bin", "/nothing"])
def test_no_other_page_may_embed_an_answer(two_tracks: ViewerData, serving: Serving, path: str) -> None:
    with contextlib.closing(http.client.HTTPConnection(urlsplit(serving(two_tracks)).netloc, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert "frame-ancestors 'none'" in str(answer.getheader("Content-Security-Policy"))


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../data.py",
        "//etc/passwd",
        "/data/9/rate.bin",
        "/data/0/nothing.bin",
        "/data/0/block/999.bin",
        "/data/-1/rate.bin",
        "/data/99999999999999999999/rate.bin",
        "/data/0/block/0.bin/../../manifest.json",
        "/data/%D9%A0/rate.bin",
        "//[bad/",
        "/data/0/rate.bin%00",
    ],
)
def test_what_is_not_there_is_not_found(two_tracks: ViewerData, serving: Serving, path: str) -> None:
    status, body, _ = ask(serving(two_tracks), path)
    assert status in (400, 404)
    assert b"root:" not in body


def test_other_methods_and_other_hosts_are_refused(two_tracks: ViewerData, serving: Serving) -> None:
    url = serving(two_tracks)
    assert ask(url, "/", method="POST")[0] == 501
    assert ask(url, "/", headers={"Host": "evil.example:80"})[0] == 403
    assert ask(url, "/", headers={"Host": "localhost:1"})[0] == 200
    own = urlsplit(url).netloc
    assert ask(url, "/data/0/rate.bin", headers={"Origin": f"http://{own}"})[0] == 200
    for origin in (
        "https://evil.example",
        "null",
        f"https://{own}",
        "http://127.0.0.1:1",
        f"http://{own}.evil.example",
    ):
        status, body, _ = ask(url, "/data/0/rate.bin", headers={"Origin": origin})
        assert (status, b"machine it runs on" in body) == (403, True), origin
    status, body, _ = ask(url, "/data/0/rate.bin", method="HEAD")
    assert (status, body) == (200, b"")


def test_a_broken_store_is_said_and_the_server_goes_on(serving: Serving) -> None:
    from viewer_support import make_points

    class Broken:
        shape = (50, 24)

        def __getitem__(self, key: object) -> object:
            raise OSError("disk is gone")

    data = ViewerData.from_points([replace(make_points("a", 50, seed=1), displacement=Broken())])
    url = serving(data)
    status, body, _ = ask(url, "/data/0/block/0.bin")
    assert status == 500
    assert b"disk is gone" in body
    assert b"Traceback" not in body
    assert ask(url, "/data/0/rate.bin")[0] == 200


def test_a_port_in_use_and_bad_ports_are_said(two_tracks: ViewerData) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortError, match=rf"{port} of 127.0.0.1 is in use.*--port") as caught:
            serve(two_tracks, port=port)
        free = int(re.findall(r"--port (\d+)", str(caught.value))[0])
        assert free > port
        make_server(two_tracks, port=free).server_close()
    with pytest.raises(ArgumentError, match="65535"):
        make_server(two_tracks, port=70_000)
    with pytest.raises(ArgumentError, match="host"):
        make_server(two_tracks, host="192.0.2.1", port=0)


def test_a_port_in_use_ends_the_command_with_status_1(
    two_tracks: ViewerData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from subside.cli import main

    monkeypatch.setattr("subside.viewer.project.project_data", lambda path: two_tracks)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(sys, "argv", ["subside", "serve", "anything", "--port", str(other.getsockname()[1])])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("error: port ")
    assert "which is free" in message
    assert "Traceback" not in message


def test_a_page_of_other_data_is_told_to_reload(two_tracks: ViewerData, serving: Serving) -> None:
    url = serving(two_tracks)
    token = json.loads(ask(url, "/data/manifest.json")[1])["token"]
    assert token == two_tracks.token
    for path in ("/data/0/rate.bin", "/data/1/block/0.bin", "/data/0/block/0.json"):
        assert ask(url, f"{path}?v={token}")[0] == 200
        status, body, _ = ask(url, f"{path}?v=0123")
        assert (status, body) == (409, b"the project changed; reload the page\n")


def test_the_token_follows_the_rates_and_not_the_title(two_tracks: ViewerData) -> None:
    assert two_tracks.titled("other").token == two_tracks.token
    first, second = two_tracks.sets
    faster = replace(first, velocity=np.where(np.arange(3000) == 7, 0.5, first.velocity))
    renamed = replace(first, source=replace(first.source, digest="4567"))
    tokens = {ViewerData.from_points([one, second]).token for one in (first, faster, renamed)}
    assert len(tokens) == 3


def test_data_made_anew_are_read_for_the_next_page(two_tracks: ViewerData) -> None:
    on_disk = {"version": 1}
    first = two_tracks.watched(lambda: on_disk["version"] == 1)
    again = ViewerData.from_points(two_tracks.sets[:1]).watched(lambda: on_disk["version"] == 2)

    def remake() -> ViewerData:
        if on_disk["version"] == 3:
            raise ProjectError("track 't142' has no finished rates")
        return again

    with make_server(first, port=0, remake=remake) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        assert ask(server.url, f"/data/1/rate.bin?v={first.token}")[0] == 200
        on_disk["version"] = 2
        assert ask(server.url, f"/data/1/rate.bin?v={first.token}")[0] == 409
        assert ask(server.url, "/data/1/rate.bin")[0] == 409
        assert ask(server.url, "/app.js")[0] == 200
        assert json.loads(ask(server.url, "/data/manifest.json")[1])["token"] == again.token
        assert ask(server.url, f"/data/0/rate.bin?v={first.token}")[0] == 409
        assert ask(server.url, f"/data/0/rate.bin?v={again.token}")[0] == 200
        on_disk["version"] = 3
        status, body, _ = ask(server.url, "/data/manifest.json")
        assert (status, b"no finished rates" in body) == (500, True)
        server.shutdown()


_PROGRAM = """
import sys; sys.path.insert(0, sys.argv[1])
from viewer_support import make_points
from subside.viewer import ViewerData, serve
serve(ViewerData.from_points([make_points("a", 50, seed=1)]), port=0, announce=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


def test_the_keyboard_ends_it() -> None:
    here = os.path.dirname(__file__)  # noqa: PTH120
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, here], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out.strip()) == (0, "ended")
    assert "Traceback" not in err
