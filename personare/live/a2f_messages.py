"""Messages of NVIDIA Audio2Face-3D's gRPC service, described here by their field numbers and built when they are used.

Only numbers and types go over the wire, so any client of that service reads and writes these. The descriptors live in
a pool of their own: a program may import NVIDIA's stubs beside them.

Source:
    Protocol definitions of NVIDIA ACE (Apache-2.0) and the files its sample client writes; field numbers as recorded
    there. The three lists of EmotionAggregate are numbered in the order in which its documentation names them.
"""

from functools import cache
from types import SimpleNamespace

from personare.errors import MissingExtra

SERVICE = "nvidia_ace.services.a2f_controller.v1.A2FControllerService"
METHOD = "ProcessAudioStream"

# A line opens a message; further ones are "number type name". "many T" is a list, "maybe T" knows whether it was given,
# "map T" has names as keys, and the fields of "one NAME" exclude each other.
_MESSAGES = """
nvidia_ace.audio.v1.AudioHeader
1 enum:PCM audio_format
2 uint32 channel_count
3 uint32 samples_per_second
4 uint32 bits_per_sample
nvidia_ace.emotion_with_timecode.v1.EmotionWithTimeCode
1 double time_code
2 map:float emotion
nvidia_ace.emotion_aggregate.v1.EmotionAggregate
1 many:EmotionWithTimeCode input_emotions
2 many:EmotionWithTimeCode a2e_output
3 many:EmotionWithTimeCode a2f_smoothed_output
nvidia_ace.status.v1.Status
1 enum:SUCCESS,INFO,WARNING,ERROR code
2 string message
nvidia_ace.a2f.v1.FaceParameters
1 map:float float_params
nvidia_ace.a2f.v1.BlendShapeParameters
1 map:float bs_weight_multipliers
2 map:float bs_weight_offsets
3 maybe:bool enable_clamping_bs_weight
nvidia_ace.a2f.v1.EmotionParameters
1 maybe:float live_transition_time
2 map:float beginning_emotion
nvidia_ace.a2f.v1.EmotionPostProcessingParameters
1 maybe:float emotion_contrast
2 maybe:float live_blend_coef
3 maybe:bool enable_preferred_emotion
4 maybe:float preferred_emotion_strength
5 maybe:float emotion_strength
6 maybe:int32 max_emotions
nvidia_ace.a2f.v1.AudioWithEmotion
1 bytes audio_buffer
2 many:EmotionWithTimeCode emotions
nvidia_ace.controller.v1.AudioStreamHeader
1 AudioHeader audio_header
2 FaceParameters face_params
3 EmotionPostProcessingParameters emotion_post_processing_params
4 BlendShapeParameters blendshape_params
5 EmotionParameters emotion_params
nvidia_ace.controller.v1.EndOfAudio
nvidia_ace.controller.v1.AudioStream
1 one:stream_part:AudioStreamHeader audio_stream_header
2 one:stream_part:AudioWithEmotion audio_with_emotion
3 one:stream_part:EndOfAudio end_of_audio
nvidia_ace.animation_data.v1.FloatArrayWithTimeCode
1 double time_code
2 many:float values
nvidia_ace.animation_data.v1.AudioWithTimeCode
1 double time_code
2 bytes audio_buffer
nvidia_ace.animation_data.v1.SkelAnimationHeader
1 many:string blend_shapes
2 many:string joints
nvidia_ace.animation_data.v1.SkelAnimation
1 many:FloatArrayWithTimeCode blend_shape_weights
nvidia_ace.animation_data.v1.AnimationDataEntry
1 string key
2 Any value
nvidia_ace.animation_data.v1.AnimationData
1 SkelAnimation skel_animation
2 AudioWithTimeCode audio
4 many:AnimationDataEntry metadata
google.protobuf.Any
1 string type_url
2 bytes value
nvidia_ace.controller.v1.AnimationDataStreamHeader
1 AudioHeader audio_header
2 SkelAnimationHeader skel_animation_header
3 double start_time_code_since_epoch
nvidia_ace.controller.v1.Event
1 enum:END_OF_A2F_AUDIO_PROCESSING event_type
nvidia_ace.controller.v1.AnimationDataStream
1 one:stream_part:AnimationDataStreamHeader animation_data_stream_header
2 one:stream_part:AnimationData animation_data
3 one:stream_part:Event event
4 one:stream_part:Status status
"""
AGGREGATE_URL = "type.googleapis.com/nvidia_ace.emotion_aggregate.v1.EmotionAggregate"


@cache
def messages():
    """The message classes by their short names, as attributes: AudioStream, AnimationDataStream, ...

    Enumerations are plain numbers. A map from names to messages is written as the list of entries that it is on the
    wire (AnimationData.metadata).

    Raises:
        MissingExtra: protobuf is not installed.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise MissingExtra("the Audio2Face-3D service", package="protobuf and grpcio", extra="serve") from error
    file = descriptor_pb2.FileDescriptorProto(name="personare/a2f.proto", package="personare_a2f", syntax="proto3")
    lines = [line.split() for line in _MESSAGES.strip().split("\n")]
    full = {words[0].rpartition(".")[2]: words[0] for words in lines if len(words) == 1}
    message = None
    for words in lines:
        if len(words) == 1:
            message = file.message_type.add(name=_flat(words[0]))
        else:
            _add_field(descriptor_pb2.FieldDescriptorProto, message, *words, full)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = {short: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"personare_a2f.{_flat(name)}"))
               for short, name in full.items()}
    return SimpleNamespace(**classes)


def _flat(name):
    """All messages are in one file, so packages become parts of their names; the wire does not carry them."""
    return name.replace(".", "_")


def _add_field(kinds, message, number, kind, name, full):
    """Add a field to a DescriptorProto; words as in _MESSAGES."""
    how, _, what = kind.rpartition(":")
    field = message.field.add(name=name, number=int(number), label=kinds.LABEL_OPTIONAL)
    if how in ("many", "map"):
        field.label = kinds.LABEL_REPEATED
    if how == "map":
        entry = message.nested_type.add(name="".join(word.capitalize() for word in name.split("_")) + "Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_STRING)
        entry.field.add(name="value", number=2, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_FLOAT)
        field.type, field.type_name = kinds.TYPE_MESSAGE, f".personare_a2f.{message.name}.{entry.name}"
    elif how == "enum":
        field.type = kinds.TYPE_INT32       # the same on the wire, and a number nobody knows is no error
    elif what in full:
        field.type, field.type_name = kinds.TYPE_MESSAGE, f".personare_a2f.{_flat(full[what])}"
    else:
        field.type = getattr(kinds, f"TYPE_{what.upper()}")
    if how.startswith("one:"):
        if not message.oneof_decl:
            message.oneof_decl.add(name=how.removeprefix("one:"))
        field.oneof_index = 0
    if how == "maybe":
        field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")
