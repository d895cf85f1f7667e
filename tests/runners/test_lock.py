"""The lock beside the state."""

import os
import subprocess
import sys

import pytest

from nautilus_quant.host.runner_lock import AlreadyRunningError, is_held, lock_path, state_lock

HOLD = """
import sys
from nautilus_quant.host.runner_lock import state_lock
with state_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process which holds the lock of a state."""
    url = f"sqlite:///{tmp_path}/state.db"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, url], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        process.url = url
        yield process
        process.kill()


def test_the_second_process_is_told_who_holds_it(holder):
    with pytest.raises(AlreadyRunningError, match=f"process {holder.pid} holds"), state_lock(holder.url):
        pass


def test_a_killed_process_leaves_no_lock(holder):
    holder.kill()
    holder.wait()
    with state_lock(holder.url):
        pass


def test_it_is_free_again_after_the_block(tmp_path):
    url = f"sqlite:///{tmp_path}/state.db"
    for _ in range(2):
        with state_lock(url):
            assert (tmp_path / "state.db.lock").read_text() == f"{os.getpid()}\n"


def test_what_each_state_locks(tmp_path):
    assert lock_path(None) is lock_path("memory://") is lock_path("sqlite:///:memory:") is None
    assert str(lock_path("sqlite:///var/a.db?timeout=5")) == "var/a.db.lock"
    assert str(lock_path("sqlite:////abs/a.db")) == "/abs/a.db.lock"
    one, two = lock_path("postgresql://u:secret@h:1/a"), lock_path("postgresql://u:secret@h:1/b")
    assert one != two
    assert "secret" not in str(one)
    assert one == lock_path("postgresql://u:changed@h:1/a")


def test_a_database_server_needs_no_file_name_to_refuse(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    url = "postgresql://u:secret@h:1/a"
    with state_lock(url), pytest.raises(AlreadyRunningError, match="this database") as told, state_lock(url):
        pass
    assert "secret" not in str(told.value)


def test_whether_it_is_held_can_be_asked_without_taking_it(holder, tmp_path):
    assert is_held(holder.url) is True
    holder.kill()
    holder.wait()
    assert is_held(holder.url) is False
    assert is_held(f"sqlite:///{tmp_path}/never.db") is False
    assert is_held("postgresql://u:secret@h:1/a") is is_held(None) is None
