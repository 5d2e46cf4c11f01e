"""`personare live`: sound that is being spoken, into an engine or avatar."""

from typing import Annotated

import typer

from personare.cli.apps import StoppedError, app
from personare.cli.options import (
    Articulation,
    Blink,
    Breath,
    Brows,
    Emotion,
    Fps,
    Gaze,
    Head,
    JsonProgress,
    Lips,
    Loudness,
    Model,
    Quiet,
    Seed,
    Smoothing,
    Still,
    Style,
    Upper,
    strengths_of,
    style_of,
)
from personare.progress import Mode, Report, print_percentiles


@app.command(epilog="Examples: `personare live --to livelink://127.0.0.1`, "
             "`personare live --from hello.wav --to json:-`")
def live(
    source: Annotated[str, typer.Option("--from", metavar="SOURCE", help="mic, mic:DEVICE, a sound file played in its "
                                        "own time, - for 16-bit samples on standard input, tcp://, "
                                        "udp:// or ws://HOST:PORT to listen there for them (?rate=48000).")] = "mic",
    to: Annotated[list[str] | None, typer.Option("--to", metavar="SINK", help="livelink://HOST (Unreal), vmc://HOST"
                                                 "?avatar=vrm0, vts://HOST (VTube Studio), "
                                                 "ifacialmocap://HOST, facegood://HOST, "
                                                 "ws://HOST:PORT (browsers), json:-, or a "
                                                 "take to record such as take.csv; tcp://HOST:PORT or audio[:DEVICE] "
                                                 "for the sound; may be repeated.")] = None,
    audio_delay: Annotated[str, typer.Option("--audio-delay", metavar="DELAY", help="Of the sound that is passed on: "
                                             "auto to meet the picture, or milliseconds.")] = "auto",
    rate: Annotated[int, typer.Option(min=8000, max=192000, help="Rate of microphone or raw samples, Hz.")] = 16000,
    model: Model = "vox",
    fps: Fps = 30.0,
    seed: Seed = 0,
    blink: Blink = 1.0,
    gaze: Gaze = 1.0,
    head: Head = 1.0,
    brows: Brows = 1.0,
    loudness: Loudness = 1.0,
    breath: Breath = 0.0,
    emotion: Emotion = None,
    articulation: Articulation = 1.0,
    style: Style = None,
    lips: Lips = 1.0,
    upper_face: Upper = 1.0,
    smoothing: Smoothing = 0.0,
    face: Annotated[str | None, typer.Option("--face", help="Face that a model's codes are for, where its columns have "
                                             "no names: --lips and --upper-face ask its vertices which is which.")]
    = None,
    still: Still = False,
    measure: Annotated[bool, typer.Option("--measure", help="Print latency, jitter and computing time at the "
                                                "end; packets are also sent to a socket of its own and timed there.")]
    = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Speak, and the character speaks: sound in, packets out, on a steady clock. Ctrl-C ends it."""
    from personare.live.delays import delay_of
    from personare.live.show import Show
    from personare.live.sinks import open_sink
    from personare.live.sources import open_source
    from personare.motion.layers import layers_of

    layers = layers_of(still=still, blink=blink, gaze=gaze, head=head, brows=brows, loudness=loudness, breath=breath,
                       seed=seed)
    report = Report(Mode.of(quiet=quiet, json_lines=json_progress))
    delay = delay_of(audio_delay)
    sinks = [open_sink(text, fps=fps) for text in to or ["livelink://127.0.0.1"]]
    show = Show(open_source(source, rate_hz=rate), sinks, fps=fps, model=model, layers=layers, emotion=emotion,
                audio_delay=delay, articulation=articulation, style=style_of(style, "sona"), loop_back=measure,
                strengths=strengths_of(lips, upper_face, smoothing, face))
    with report.file(source):
        try:
            show.run(say=report.warning)
        except StoppedError:
            report.say("stopped")
    if measure:
        figures = show.figures()
        print_percentiles(figures.percentiles(), figures.totals(), unit="ms", as_json=json_progress)
