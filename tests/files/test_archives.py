"""Folders and archives give the same files; bombs, links and names that leave the archive give none."""

import io
import tarfile
import zipfile
from pathlib import PurePosixPath

import pytest
from hostile import refuses, survives

from personare.errors import InputError
from personare.files.archives import file_names, is_archive, read_files

FILES = {"FaceXModel/neutral.obj": b"v 1 2 3\n", "FaceXModel/" + "long" * 40 + ".obj": b"v 0 0 0\n", "LICENSE": b"MIT",
         "FaceXModel/empty.obj": b"", "FaceXModel/odd.obj": bytes(range(256)) * 5}


def is_obj(name):
    return name.suffix == ".obj"


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    return tmp_path / "folder"


def archives(folder):
    """The folder as every kind of archive."""
    with zipfile.ZipFile(folder.parent / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in FILES.items():
            file.writestr(name, content)
    yield folder.parent / "a.zip"
    for suffix, mode in ((".tar", "w"), (".tar.gz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")):
        for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
            path = folder.parent / f"a{format}{suffix}"
            with tarfile.open(path, mode, format=format) as file:
                for name in FILES:
                    if format != tarfile.USTAR_FORMAT or len(name) < 100:
                        file.add(folder / name, name)
            yield path


def test_archives_hold_what_the_folder_holds(folder):
    expected = {PurePosixPath(name): content for name, content in FILES.items() if is_obj(PurePosixPath(name))}
    assert dict(read_files(folder, is_obj)) == expected
    for path in archives(folder):
        found = dict(read_files(path, is_obj))
        assert found == {name: expected[name] for name in found}
        assert len(found) == (3 if path.name.startswith("a0") else 4)
        assert is_archive(path)
    for path in (folder, folder.parent / "a.zip"):
        assert {str(name) for name in file_names(path)} == set(FILES)


def test_names_that_leave_the_archive_and_links_are_passed_over(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("../up.obj", "/etc/root.obj", "a/../../b.obj", "good.obj"):
            file.writestr(name, b"v")
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name, kind in (("../up.obj", tarfile.REGTYPE), ("/etc/root.obj", tarfile.REGTYPE),
                           ("link.obj", tarfile.SYMTYPE), ("pipe.obj", tarfile.FIFOTYPE),
                           ("good.obj", tarfile.REGTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            file.addfile(info)
    for name in ("a.zip", "a.tar"):
        assert [str(found) for found, _ in read_files(tmp_path / name, is_obj)] == ["good.obj"]


def bomb_tar(size, name="bomb.obj", kind=tarfile.REGTYPE):
    """A tar archive whose one header claims a size."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


@pytest.mark.parametrize(("content", "match"), [
    (bomb_tar(2**40), "where 1024 MB are the limit"), (bomb_tar(2**28), "a file of 256 MB"),
    (bomb_tar(2**40, "notes.txt"), "where 1024 MB are the limit"), (bomb_tar(2**29, kind=b"x"), "a name of 512 MB"),
    (bomb_tar(2**29, kind=b"L"), "a name of 512 MB"), (bomb_tar(2**20), "ends too early"),
    (b"x" * 2000, "damaged data"),
])
def test_claims_of_tar_headers_are_refused(tmp_path, content, match):
    (tmp_path / "a.tar").write_bytes(content)
    refuses(lambda path: list(read_files(path, is_obj)), tmp_path / "a.tar", match)


def test_packed_bombs_are_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz", preset=0) as file:
        info = tarfile.TarInfo("zeros.txt")
        info.size = 2**25
        file.addfile(info, io.BytesIO(bytes(2**25)))
    refuses(lambda path: list(read_files(path, is_obj, most_bytes=2**24)), tmp_path / "a.tar.xz", "16 MB are the limit")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.obj", bytes(2**27))
    refuses(lambda path: list(read_files(path, is_obj)), tmp_path / "a.zip", "a file of 128 MB")
    refuses(lambda path: list(read_files(path, is_obj, most_file_bytes=2**30, most_bytes=2**26)), tmp_path / "a.zip",
            "a set of files of 128 MB")


def test_broken_archives_give_one_error(folder, rng):
    for path in list(archives(folder)):
        survives(lambda path: list(read_files(path, is_obj)), path.with_name("broken" + "".join(path.suffixes)),
                 path.read_bytes(), rng, 60)


def test_missing_archives_are_explained(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        list(read_files(tmp_path / "none.zip", is_obj))
