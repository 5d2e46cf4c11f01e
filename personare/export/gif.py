"""Animated pictures (.gif), for chats and issue pages that play no video.

256 colours for the whole file, taken from its first pictures, with an ordered dither, which keeps still parts still.
Time in this format counts hundredths of a second; every picture starts at the nearest one, so nothing drifts. Viewers
slow down what is shown for less than two of them, so pictures that come sooner are left out: of 60 a second, 40 stay.
"""

from fractions import Fraction
from itertools import chain, islice

from personare.errors import OutputError
from personare.export.pictures import checked_picture, pictures
from personare.store import atomic_path

TICK, LEAST_TICKS = Fraction(1, 100), 2
# Pictures that the colours are taken from; 64 of 512 x 512 are 48 MB.
_SAMPLE = 64


def write(path, take, *, progress=None):
    """Write the pictures of a take, repeated for ever.

    Args:
        path: where to.
        take: Take with frames.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: there are no pictures, or they differ in size.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    import av

    with pictures(take) as frames, atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="gif", options={"loop": "0"}) as container:
                _encode(container, frames, Fraction(take.motion.fps).limit_denominator(1001), progress,
                        len(take.motion))
        except av.FFmpegError as error:
            raise OutputError(f"{path}: writing failed ({error.strerror}); free space or choose another") from error


def _encode(container, frames, fps, progress, total):
    """Find the colours, then write the pictures whose time has come."""
    first = list(islice(frames, _SAMPLE))
    shape = checked_picture(first[0], None).shape
    colors = _palette([checked_picture(picture, shape) for picture in first])
    stream = container.add_stream("gif", rate=fps)
    stream.height, stream.width, stream.pix_fmt = *shape[:2], "pal8"
    stream.codec_context.time_base = TICK
    reducer = _Reducer(shape, colors)
    last = -LEAST_TICKS
    for number, picture in enumerate(chain(first, frames)):
        tick = round(number / fps / TICK)
        if tick - last >= LEAST_TICKS:
            last = tick
            for frame in reducer.push(checked_picture(picture, shape), tick):
                container.mux(stream.encode(frame))
        if progress:
            progress(number + 1, max(number + 1, total))
    for frame in reducer.push(None, 0):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _source(graph, shape):
    return graph.add_buffer(width=shape[1], height=shape[0], format="rgb24", time_base=TICK)


def _as_frame(picture, tick):
    import av

    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = tick, TICK
    return frame


def _palette(sample):
    """The 256 colours of some pictures, as a frame of 16 x 16 pixels."""
    import av

    graph = av.filter.Graph()
    source, sink = _source(graph, sample[0].shape), graph.add("buffersink")
    source.link_to(colors := graph.add("palettegen", "reserve_transparent=0"))
    colors.link_to(sink)
    graph.configure()
    for tick, picture in enumerate(sample):
        source.push(_as_frame(picture, tick))
    source.push(None)
    return sink.pull()


class _Reducer:
    """Puts pictures into the 256 colours of a palette, in the order of their times."""

    def __init__(self, shape, colors):
        import av

        # Kept as an attribute: the filters live only as long as their graph.
        self.graph = graph = av.filter.Graph()
        self.source, self.sink = _source(graph, shape), graph.add("buffersink")
        palette = graph.add_buffer(width=colors.width, height=colors.height, format=colors.format.name, time_base=TICK)
        reduce = graph.add("paletteuse", "dither=bayer:bayer_scale=3:diff_mode=rectangle")
        self.source.link_to(reduce, 0, 0)
        palette.link_to(reduce, 0, 1)
        reduce.link_to(self.sink)
        graph.configure()
        colors.pts, colors.time_base = 0, TICK
        palette.push(colors)
        palette.push(None)

    def push(self, picture, tick):
        """Take a picture and its time, or None at the end; yield the frames that are ready."""
        import av

        self.source.push(None if picture is None else _as_frame(picture, tick))
        while True:
            try:
                yield self.sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
