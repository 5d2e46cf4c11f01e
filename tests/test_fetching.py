"""Files of others, fetched from a server on this machine."""

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from personare import fetching
from personare.cli import app
from personare.errors import AssetError, InputError

CONTENT = bytes(range(256)) * 900


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Function (content, status) that serves content as the landmarker's model; the home is a new folder."""
    class Answer(BaseHTTPRequestHandler):
        content, status, asked = CONTENT, 200, 0

        def do_GET(self):
            Answer.asked += 1
            self.send_response(self.status)
            self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            self.wfile.write(self.content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(fetching.SOURCES, "face_landmarker", replace(
        fetching.SOURCES["face_landmarker"], url=f"http://127.0.0.1:{server.server_port}/a.task",
        sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT)))
    yield Answer
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_brought_once(served, tmp_path):
    steps = []
    path = fetching.fetch("face_landmarker", progress=lambda done, total: steps.append((done, total)))
    assert path == tmp_path / "home" / "models" / "face_landmarker.task"
    assert path.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    fetching.fetch("face_landmarker")
    assert served.asked == 1


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"more", b"<html>not here</html>"])
def test_another_file_is_not_kept(served, content, tmp_path):
    served.content = content
    with pytest.raises(AssetError, match="not the file that was tried"):
        fetching.fetch("face_landmarker")
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_a_copy_that_is_there_survives_a_failure(served, tmp_path):
    path = fetching.source("face_landmarker").path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    served.status = 404
    with pytest.raises(AssetError, match="cannot be reached"):
        fetching.fetch("face_landmarker")
    assert path.read_bytes() == b"mine"


def test_a_server_that_is_away_is_said(served, monkeypatch):
    gone = replace(fetching.SOURCES["face_landmarker"], url="http://127.0.0.1:1/a.task")
    monkeypatch.setitem(fetching.SOURCES, "face_landmarker", gone)
    with pytest.raises(AssetError, match="by hand from https://"):
        fetching.fetch("face_landmarker")


def test_the_command_asks_and_tells_the_licence(served, tmp_path, capsys):
    assert app(["fetch", "face_landmarker", "--yes"], standalone_mode=False) in (None, 0)
    said = "".join(capsys.readouterr())
    assert "Apache 2.0" in said
    assert "face_landmarker.task" in said
    assert (tmp_path / "home" / "models" / "face_landmarker.task").read_bytes() == CONTENT


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(InputError, match="face_landmarker"):
        fetching.source("face_landmark")
