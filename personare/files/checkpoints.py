"""Weights in checkpoints of torch.save, read without torch and with nothing of them run.

A checkpoint is an archive: a pickle that describes dicts of tensors, and one file of numbers for each storage. Only
the storages of the asked tensors are read, so the state of an optimiser beside them costs nothing.
"""

import io
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

from personare.errors import InputError
from personare.files.pickled_arrays import Foreign, Unreadable
from personare.files.pickles import _run
from personare.files.tensors import _storage, _window

MOST_BYTES = 2**30        # of the asked tensors together; MonoNPHM's weights have 45 MB
_MOST_TEXT = 2**25        # of the description


def is_zipped_pickle(path):
    """Whether a .pkl is what torch.save writes, an archive; old face models are bare pickles."""
    return Path(path).suffix.lower() == ".pkl" and zipfile.is_zipfile(path)


class Checkpoint:
    """An open checkpoint: what it is made of, as nested dicts, lists and plain values, with tensors still closed.

    Args:
        path: the file.

    Raises:
        InputError: missing, damaged, of another layout, or with anything in it that is no data.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.tree = self._guarded(self._described)

    def tensors(self, *keys):
        """Arrays of a dict of tensors in the checkpoint.

        Args:
            keys: the way to it, such as "decoder_state_dict".

        Returns:
            dict of name -> array, entries that are no tensors left out; empty where there is no such dict.

        Raises:
            InputError: damaged, or more than MOST_BYTES.
        """
        found = self.tree
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            return {}
        wanted = {name: value for name, value in found.items()
                  if isinstance(name, str) and isinstance(value, Foreign) and value.kind == "tensor"}
        return self._guarded(lambda archive, folder: self._read(archive, folder, wanted))

    @staticmethod
    def _described(archive, folder):
        info = archive.getinfo(folder + "data.pkl")
        if info.file_size > _MOST_TEXT:
            raise Unreadable(f"a description of {info.file_size >> 20} MB")
        order = folder + "byteorder"
        if order in archive.namelist() and archive.read(order)[:8] != b"little":
            raise Unreadable("numbers of another byte order")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools warns of odd escapes in the text of a damaged file
            tree = _run(io.BytesIO(archive.read(info)))
        if not isinstance(tree, dict):
            raise Unreadable("no dict of weights")
        return tree

    @staticmethod
    def _read(archive, folder, wanted):
        infos = {name: archive.getinfo(f"{folder}data/{_storage(tensor)[2]}") for name, tensor in wanted.items()}
        total = sum({info.filename: info.file_size for info in infos.values()}.values())
        if total > MOST_BYTES:
            raise Unreadable(f"{total >> 20} MB of weights")
        result, counted = {}, 0
        for name, tensor in wanted.items():
            result[name] = _window(tensor, archive.read(infos[name]))
            counted += result[name].nbytes
            if counted > MOST_BYTES:
                raise Unreadable(f"more than {MOST_BYTES >> 20} MB of weights")
        return result

    def _guarded(self, action):
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [name for name in archive.namelist()[:4096] if name.endswith("data.pkl")]
                if len(names) != 1:
                    raise Unreadable("an archive without weights")
                return action(archive, names[0].removesuffix("data.pkl"))
        except OSError as error:
            raise InputError(self.path, expected="a checkpoint of torch.save", got=error.strerror or str(error),
                             remedy="check the path") from error
        except zipfile.BadZipFile as error:
            raise InputError(self.path, expected="a checkpoint of torch 1.6 or later", got="no archive",
                             remedy="load it with torch and save it again, or get it from its owners") from error
        except (Unreadable, zlib.error, ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError,
                MemoryError, RecursionError, EOFError, NotImplementedError, RuntimeError, struct.error) as error:
            reason = " ".join(str(error).split())[:120] if isinstance(error, Unreadable) else \
                f"damaged data ({type(error).__name__})"
            raise InputError(self.path, expected="weights and plain values of torch.save", got=reason,
                             remedy="do not open it with anything else; get it from its owners") from error
