import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from keras_vae import atomic, verb

DEAD = 2**22 + 1  # above the largest process number of Linux

MODULES = {"atomic": atomic, "verb": verb}


def alone(program):
    """A program that takes modules of the library without the library, which imports Keras."""
    load = (
        "import importlib.util as u; s = u.spec_from_file_location({name!r}, {file!r}); "
        "{name} = u.module_from_spec(s); s.loader.exec_module({name})"
    )
    program = textwrap.dedent(program)
    for name, module in MODULES.items():
        line = load.format(name=name, file=module.__file__)
        program = program.replace(f"from keras_vae import {name}\n", f"{line}\n")
    return program


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "grid.png"
    path.write_bytes(b"before")
    atomic.write(path, b"after")
    assert path.read_bytes() == b"after"
    atomic.write(path, "später")
    assert path.read_text(encoding="utf-8") == "später"
    assert os.listdir(tmp_path) == ["grid.png"]


def test_a_failed_write_leaves_the_file(tmp_path):
    path = tmp_path / "grid.png"
    path.write_bytes(b"before")
    with pytest.raises(TypeError):
        atomic.write(path, 3)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["grid.png"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "deep" / "entry"
    for content in ("one", "two"):
        with atomic.folder(path) as aside:
            (aside / content).write_text(content)
            assert not (path / content).exists()
        assert os.listdir(path) == [content]
    with pytest.raises(TypeError), atomic.folder(path) as aside:
        (aside / "three").write_text(3)
    assert os.listdir(path) == ["two"]
    assert os.listdir(path.parent) == ["entry"]


def test_a_folder_is_removed_in_one_step(tmp_path):
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "file").touch()
    atomic.remove(tmp_path / "entry")
    assert os.listdir(tmp_path) == []


def test_repair_brings_back_what_was_moved_away(tmp_path):
    (tmp_path / f".entry.{DEAD}-00000000.old").mkdir()
    (tmp_path / f".entry.{DEAD}-00000000").mkdir()
    assert atomic.repair(tmp_path / "entry")
    assert os.listdir(tmp_path) == ["entry"]


def test_repair_leaves_strangers_the_living_and_a_good_folder(tmp_path):
    for name in ("entry", f".entry.{DEAD}-00000000.old", f".entry.{DEAD}-11111111"):
        (tmp_path / name).mkdir()
    kept = {"entry", f".entry.{os.getppid()}-22222222", ".entry.checkpoints", ".other.99-33333333"}
    for name in kept - {"entry"}:
        (tmp_path / name).mkdir()
    assert not atomic.repair(tmp_path / "entry")
    assert set(os.listdir(tmp_path)) == kept


def test_what_a_dead_process_of_our_own_number_left_is_repaired(tmp_path):
    """In a container the next process has the number of the one before as a rule."""
    (tmp_path / f".entry.{os.getpid()}-00000000.old").mkdir()
    (tmp_path / f".entry.{os.getpid()}-11111111").mkdir()
    assert atomic.repair(tmp_path / "entry")
    assert os.listdir(tmp_path) == ["entry"]


def test_a_folder_that_is_moved_away_for_more_than_a_moment_comes_back(tmp_path):
    """Its process number lives, but is another process's by now."""
    (tmp_path / f".entry.{os.getppid()}-00000000.old").mkdir()
    assert atomic.repair(tmp_path / "entry")
    assert os.listdir(tmp_path) == ["entry"]


def test_what_is_being_written_is_left_alone(tmp_path):
    with atomic.folder(tmp_path / "entry") as aside:
        assert not atomic.repair(tmp_path / "entry")
        assert aside.is_dir()


def test_a_full_disk_is_named_with_the_file_and_leaves_the_older_one(tmp_path, full_disk):
    path = tmp_path / "grid.png"
    path.write_bytes(b"before")
    with full_disk(1000), pytest.raises(OSError, match=r"grid\.png'$"):
        atomic.write(path, bytes(2000))
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["grid.png"]


@pytest.mark.parametrize("moment", ["filled", "moved", "replaced", "removed"])
def test_sigterm_at_any_moment_leaves_a_whole_folder_and_nothing_beside_it(tmp_path, moment):
    """A real process, told to stop within the replacement of a folder, as the command is."""
    program = f"""
        import os, pathlib, signal
        from keras_vae import atomic
        from keras_vae import verb

        verb.end_on_sigterm()
        stop = lambda: os.kill(os.getpid(), signal.SIGTERM)
        rename, unlink, left = pathlib.Path.rename, os.unlink, []

        def counted(self, target):
            result = rename(self, target)
            if str(target).endswith(".old") == ({moment!r} == "moved") and {moment!r} != "removed":
                stop()
            return result

        def first_then_stopped(path, **options):
            unlink(path, **options)
            if not left:
                left.append(path)
                stop()

        pathlib.Path.rename = counted
        if {moment!r} == "removed":
            os.unlink = first_then_stopped
        with atomic.folder(pathlib.Path({str(tmp_path / "entry")!r})) as aside:
            (aside / "new").touch()
            if {moment!r} == "filled":
                stop()
    """
    (tmp_path / "entry").mkdir()
    for name in ("old", "older"):
        (tmp_path / "entry" / name).touch()
    ended = subprocess.run([sys.executable, "-c", alone(program)], check=False)
    assert ended.returncode == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == ["entry"]
    new = moment in ("replaced", "removed")
    assert sorted(os.listdir(tmp_path / "entry")) == (["new"] if new else ["old", "older"])


class TestCheck:
    """Whether a path can be written is tried before the work that is to be written is done."""

    def test_it_leaves_nothing_and_makes_nothing(self, tmp_path):
        atomic.check(tmp_path / "grid.png")
        atomic.check(tmp_path / "deep" / "er" / "entry")
        assert os.listdir(tmp_path) == []

    def test_below_a_file(self, tmp_path):
        (tmp_path / "file").touch()
        for path in ("file/grid.png", "file/deep/entry"):
            with pytest.raises(NotADirectoryError, match=r"into this folder.*file'"):
                atomic.check(tmp_path / path)

    @pytest.mark.skipif(os.name != "posix", reason="a process of another user needs POSIX")
    def test_a_folder_of_others(self):
        """In a process that is nobody's, for of root no right is asked."""
        program = """
            import os, sys
            from keras_vae import atomic

            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            try:
                atomic.check(sys.argv[1])
            except PermissionError as error:
                print(error)
        """
        folder = Path(tempfile.mkdtemp())  # which nobody may look into, unlike pytest's
        try:
            folder.chmod(0o555)
            command = [sys.executable, "-c", alone(program), str(folder / "deep" / "er.png")]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        finally:
            folder.rmdir()
        assert said == (
            "[Errno 13] Cannot write 'er.png': nothing can be written into this folder (Permission "
            f"denied): '{folder}'\n"
        )


@pytest.mark.parametrize("moment", ["filled", "moved", "replaced"])
def test_a_kill_at_any_moment_leaves_a_whole_folder(tmp_path, moment):
    """A real process that kills itself within the replacement of a folder."""
    program = f"""
        import os, pathlib, shutil, signal
        from keras_vae import atomic

        die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
        rename = pathlib.Path.rename

        def counted(self, target):
            result = rename(self, target)
            if {moment!r} == "moved" and str(target).endswith(".old"):
                die()
            return result

        pathlib.Path.rename = counted
        if {moment!r} == "replaced":
            shutil.rmtree = die
        with atomic.folder(pathlib.Path({str(tmp_path / "entry")!r})) as aside:
            (aside / "new").touch()
            if {moment!r} == "filled":
                die()
    """
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "old").touch()
    ended = subprocess.run([sys.executable, "-c", alone(program)], check=False)
    assert ended.returncode == -signal.SIGKILL
    atomic.repair(tmp_path / "entry")
    assert os.listdir(tmp_path) == ["entry"]
    assert os.listdir(tmp_path / "entry") == (["new"] if moment == "replaced" else ["old"])
