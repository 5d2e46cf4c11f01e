"""Sound that comes in the body of a request: as it is, or as the file of a form; bounded in size and time."""

import asyncio

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from personare.errors import InputError
from personare.live.jobs import SlowError
from personare.live.voices import LimitError

_MOST_FIELDS, _LARGEST_FIELD, _LONGEST_BOUNDARY = 40, 4096, 70


async def receive_sound(request, path, limits):
    """Write the sound of a request to a file.

    Args:
        request: Request of Starlette.
        path: where to.
        limits: JobLimits.

    Returns:
        dict of the other fields, where the body is a form.

    Raises:
        LimitError: it is too large. SlowError: it takes too long. InputError: there is none, or the form is damaged.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body_bytes:
        raise _too_large(limits)
    form = request.headers.get("content-type", "").lower().startswith("multipart/")
    try:
        async with asyncio.timeout(limits.wall_s):
            fields = await (_receive_form if form else _receive_plain)(request, path, limits)
    except TimeoutError as error:
        raise SlowError(f"body: expected all of it within {limits.wall_s:g} s, and something every "
                        f"{limits.idle_s:g} s, got less; send it faster") from error
    if not path.exists() or not path.stat().st_size:
        raise InputError("body", expected="a sound or video file", got="nothing",
                         remedy="send it as the body, or as the file of a form")
    return fields


async def _receive_plain(request, path, limits):
    with open(path, "wb") as file:
        async for chunk in _chunks(request, limits):
            file.write(chunk)
    return {}


async def _receive_form(request, path, limits):
    _, options = parse_options_header(request.headers["content-type"])
    with open(path, "wb") as file:
        form = _Form(options.get(b"boundary", b""), file)
        async for chunk in _chunks(request, limits):
            form.write(chunk)
    return form.finish()


class _Form:
    """A form read as it comes: its one file goes to `file`, other fields are kept."""

    def __init__(self, boundary, file):
        self._file, self._fields, self._files, self._ended = file, {}, 0, False
        self._header, self._field, self._disposition, self._part = [b"", b""], None, b"", bytearray()
        if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
            raise _damaged("no boundary in its content-type")
        self._parser = MultipartParser(boundary, {
            "on_part_begin": self._begin, "on_header_begin": self._begin_header,
            "on_header_field": lambda data, start, end: self._add_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add_header(1, data[start:end]),
            "on_header_end": self._end_header, "on_headers_finished": self._name, "on_part_data": self._add,
            "on_part_end": self._end_part, "on_end": self._end})

    def write(self, chunk):
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _damaged("what is none") from error

    def finish(self):
        if not self._ended:
            raise _damaged("one that is cut off")
        return self._fields

    def _begin(self):
        self._disposition, self._part = b"", bytearray()

    def _begin_header(self):
        self._header = [b"", b""]

    def _add_header(self, which, content):
        self._header[which] += content
        if len(self._header[which]) > _LARGEST_FIELD:
            raise _damaged("a header that is too long")

    def _end_header(self):
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]

    def _name(self):
        _, options = parse_options_header(self._disposition)
        self._field = None if b"filename" in options else options.get(b"name", b"").decode("utf8", "replace")
        self._files += self._field is None
        if self._field == "":
            raise _damaged("a field without a name")
        if self._files > 1 or len(self._fields) >= _MOST_FIELDS:
            raise _damaged("more than one file" if self._files > 1 else "too many fields")

    def _add(self, data, start, end):
        if self._field is None:
            self._file.write(data[start:end])
        else:
            self._part += data[start:end]
            if len(self._part) > _LARGEST_FIELD:
                raise _damaged("a field that is too long")

    def _end_part(self):
        if self._field is not None:
            self._fields[self._field] = self._part.decode("utf8", "replace")

    def _end(self):
        self._ended = True


def _damaged(got):
    return InputError("form", expected="one file, and options as fields", got=got,
                      remedy="send it as in curl -F audio=@hello.wav -F format=glb")


async def _chunks(request, limits):
    """The body piece by piece, as long as it keeps the limits."""
    stream, size = request.stream(), 0
    while True:
        async with asyncio.timeout(limits.idle_s):
            chunk = await anext(stream, b"")
        if not chunk:
            return
        size += len(chunk)
        if size > limits.body_bytes:
            raise _too_large(limits)
        yield chunk


def _too_large(limits):
    return LimitError(f"body: expected at most {limits.body_bytes / 1e6:g} MB, got more; send a shorter or compressed "
                      "file")
