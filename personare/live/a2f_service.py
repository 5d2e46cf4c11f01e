"""The gRPC service of NVIDIA Audio2Face-3D, with our model behind it: its clients and plug-ins find what they expect.

One stream is one voice: a header, sound with or without emotions, the end of the sound; back come a header, one message
a frame (weights, the frame's own sound, emotions as metadata), an event at the end of the frames and a status. What is
wrong with a stream is said in a status message and in gRPC's own status; other streams do not notice.
"""

import asyncio
import hmac
import time
from contextlib import suppress

import numpy as np

from personare.errors import InputError, MissingExtra, PersonareError
from personare.live.a2f_messages import AGGREGATE_URL, METHOD, SERVICE, messages
from personare.live.a2f_parameters import FPS, NAMES, Feelings, Shaping, Wishes
from personare.live.sources import samples_of
from personare.live.voices import BusyError, LimitError, or_trouble
from personare.spaces import EMOTIONS

PORT = 52000
# Ten seconds at 192 kHz are 3.8 MB.
LARGEST_MESSAGE = 4 << 20
SUCCESS, ERROR = 0, 3


async def open_server(host, *, bind="127.0.0.1", port=PORT, token=None):
    """Start the service on the running event loop.

    Args:
        host: Host whose model speaks.
        bind: address to listen on.
        port: 0 for any that is free.
        token: what clients have to send as `authorization: Bearer TOKEN`; None for no check.

    Returns:
        (grpc.aio.Server, port).

    Raises:
        MissingExtra: grpcio, protobuf or grpcio-health-checking are not installed. InputError: the port is taken.
    """
    try:
        import grpc
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    except ImportError as error:
        raise MissingExtra("the Audio2Face-3D service", package="grpcio and grpcio-health-checking",
                           extra="serve") from error
    messages()
    server = grpc.aio.server(options=[
        ("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", 4 * host.limits.sessions), ("grpc.max_metadata_size", 16 << 10)])

    async def process(requests, context):
        await _Stream(host, context, grpc.StatusCode, token).run(requests)

    method = grpc.stream_stream_rpc_method_handler(process, response_serializer=_content)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: method}),))
    service = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(service, server)
    for name in ("", SERVICE):
        await service.set(name, health_pb2.HealthCheckResponse.SERVING)
    where = f"[{bind}]:{port}" if ":" in bind else f"{bind}:{port}"
    try:
        port = server.add_insecure_port(where)
    except RuntimeError:
        port = 0
    if not port:
        raise InputError("--port", expected="an address that is free", got=where, remedy="choose another port")
    await server.start()
    return server, port


def _content(message):
    return message.SerializeToString()


class _Stream:
    """One call of ProcessAudioStream."""

    def __init__(self, host, context, codes, token):
        self._host, self._context, self._codes, self._token = host, context, codes, token
        self._made, self._voice = messages(), None
        self._sound, self._sent_bytes, self._frame = bytearray(), 0, 0
        self._reading = None

    async def run(self, requests):
        """Answer until the sound has ended; the voice is let go whatever happens."""
        try:
            await self._answer(requests)
        except BusyError as error:
            await self._fail(self._codes.RESOURCE_EXHAUSTED, error)
        except TimeoutError:
            limit = LimitError(f"stream: expected a message or a reader within {self._host.limits.idle_s:g} s, got "
                               "none; send end_of_audio when the sound has ended")
            await self._fail(self._codes.DEADLINE_EXCEEDED, limit)
        except LimitError as error:
            await self._fail(self._codes.OUT_OF_RANGE, error)
        except PersonareError as error:
            await self._fail(self._codes.INVALID_ARGUMENT, error)
        finally:
            if self._reading:
                self._reading.cancel()
            if self._voice:
                self._voice.close()

    async def _answer(self, requests):
        given = dict(self._context.invocation_metadata() or ()).get("authorization", "")
        if self._token and not hmac.compare_digest(str(given).encode(), f"Bearer {self._token}".encode()):
            await self._context.abort(self._codes.UNAUTHENTICATED, "send the metadata 'authorization: Bearer TOKEN'")
        messages_in = requests.__aiter__()
        first = await self._next(messages_in)
        if first is None or first.WhichOneof("stream_part") != "audio_stream_header":
            raise InputError("stream", expected="audio_stream_header first", got="another message or none",
                             remedy="send the header once, before the sound")
        wishes = Wishes.of(first.audio_stream_header)
        voice = self._voice = self._host.open(rate_hz=wishes.rate_hz, fps=FPS, **wishes.options())
        feelings, shaping = Feelings(wishes, voice), Shaping(wishes)
        self._reading = asyncio.ensure_future(self._read(messages_in, wishes, feelings))
        await self._write(animation_data_stream_header=self._header(wishes.rate_hz))
        frames = voice.frames()
        while (motion := await or_trouble(anext(frames, None), self._reading)) is not None:
            await self._show(shaping.apply(motion), feelings)
        await self._reading
        if len(self._sound):
            await self._write(animation_data=self._made.AnimationData(audio=self._sound_until(None)))
        await self._write(event=self._made.Event(event_type=0))
        await self._write(status=self._made.Status(code=SUCCESS, message=wishes.summary()))

    async def _read(self, messages_in, wishes, feelings):
        """Feed the voice until the end of the sound."""
        rest = b""
        while (message := await self._next(messages_in)) is not None:
            part = message.WhichOneof("stream_part")
            if part == "end_of_audio":
                break
            if part != "audio_with_emotion":
                raise InputError("stream", expected="audio_with_emotion or end_of_audio", got=str(part),
                                 remedy="send the header once, then sound, then end_of_audio")
            content = message.audio_with_emotion
            feelings.add(content.emotions)
            gained = content.audio_buffer
            samples, rest = samples_of(rest + gained)
            if len(samples):
                self._sound += gained
                await self._voice.hear(samples * np.float32(wishes.face.get("inputStrength", 1.0)))
        self._voice.end()

    async def _next(self, messages_in):
        """The next AudioStream, or None at the end of the requests."""
        content = await asyncio.wait_for(anext(messages_in, None), self._host.limits.idle_s)
        if content is None:
            return None
        from google.protobuf.message import DecodeError

        try:
            return self._made.AudioStream.FromString(bytes(content))
        except DecodeError as error:
            raise InputError("message", expected="an AudioStream", got="bytes of no such message",
                             remedy="use the messages of nvidia_ace.controller.v1") from error

    async def _show(self, weights, feelings):
        """Send frames."""
        times = (self._frame + np.arange(len(weights))) / FPS
        for time_s, row, felt in zip(times, weights, feelings.at(times), strict=True):
            made = self._made
            data = made.AnimationData()
            data.skel_animation.blend_shape_weights.add(time_code=time_s).values.extend(row.tolist())
            self._frame += 1
            data.audio.CopyFrom(self._sound_until(self._frame))
            aggregate = made.EmotionAggregate()
            entry = aggregate.a2f_smoothed_output.add(time_code=time_s)
            for name, value in zip(EMOTIONS.columns, felt.tolist(), strict=True):
                entry.emotion[name] = value
            data.metadata.add(key="emotion_aggregate").value.MergeFrom(
                made.Any(type_url=AGGREGATE_URL, value=aggregate.SerializeToString()))
            await self._write(animation_data=data)

    def _sound_until(self, frame):
        """The sound of the frames before that one which was not sent yet; all of it for None."""
        rate_hz = self._voice.rate_hz
        start = self._sent_bytes
        stop = start + len(self._sound) if frame is None else 2 * round(frame * rate_hz / FPS)
        piece = bytes(self._sound[:max(0, stop - start)])
        del self._sound[:len(piece)]
        self._sent_bytes += len(piece)
        return self._made.AudioWithTimeCode(time_code=start / 2 / rate_hz, audio_buffer=piece)

    def _header(self, rate_hz):
        made = self._made
        return made.AnimationDataStreamHeader(
            audio_header=made.AudioHeader(audio_format=0, channel_count=1, samples_per_second=rate_hz,
                                          bits_per_sample=16),
            skel_animation_header=made.SkelAnimationHeader(blend_shapes=NAMES),
            start_time_code_since_epoch=time.time())

    async def _write(self, **part):
        message = self._made.AnimationDataStream(**part)
        await asyncio.wait_for(self._context.write(message), self._host.limits.idle_s)

    async def _fail(self, code, error):
        self._host.counts["failed"] += 1
        if self._voice:
            self._voice.close()
        # A client that reads nothing has to do with gRPC's own status.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._context.write(self._made.AnimationDataStream(
                status=self._made.Status(code=ERROR, message=str(error)))), 1)
        await self._context.abort(code, str(error))
