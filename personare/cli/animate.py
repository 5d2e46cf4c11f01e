"""`personare animate`: sound in, video, rig animation or curves out."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import app
from personare.cli.options import (
    Articulation,
    Blink,
    Breath,
    Brows,
    Emotion,
    FaceName,
    Format,
    Fps,
    Gaze,
    Head,
    JsonProgress,
    Lips,
    Loudness,
    Model,
    Output,
    Photo,
    PortraitPath,
    Quiet,
    Renderer,
    Seed,
    Size,
    Smoothing,
    Still,
    Style,
    Upper,
    parse_formats,
    parse_size,
    plan_outputs,
    strengths_of,
    style_of,
)
from personare.errors import InputError, PersonareError
from personare.progress import Mode, Report


@app.command(epilog="Example: `personare animate a.wav b.mp3 -o takes/ -f glb,csv,mp4`")
def animate(
    sounds: Annotated[list[Path], typer.Argument(help="Sound or video files, any container, rate and length.")],
    output: Output = None,
    format: Format = "",
    face: FaceName = "sona",
    photo: Photo = None,
    renderer: Renderer = None,
    portrait: PortraitPath = None,
    model: Model = "vox",
    fps: Fps = 30.0,
    size: Size = "512",
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
    still: Still = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Animate speech: sound in, video, rig animation or curves out."""
    from personare.api import open_portrait
    from personare.motion.emotion import emotion_of
    from personare.motion.layers import layers_of

    feeling = emotion_of(emotion)
    layers = layers_of(still=still, blink=blink, gaze=gaze, head=head, brows=brows, loudness=loudness, breath=breath,
                       seed=seed)
    formats, pixels = parse_formats(format, output), parse_size(size)
    targets = plan_outputs(sounds, output, formats)
    report, failed = Report(Mode.of(quiet=quiet, json_lines=json_progress)), 0
    _fit_each_other(photo, portrait, renderer, {"--emotion": emotion, "--style": style})
    # What lends a renderer its textures does not move; a photo's face has columns with names.
    style = style_of(style, face if renderer is None else "sona")
    strengths = strengths_of(lips, upper_face, smoothing, face if portrait is None and photo is None else None)
    person = None if portrait is None else open_portrait(portrait)
    shown = None if photo is None else _on_photo(photo, face, renderer, report)
    for sound, paths in zip(sounds, targets, strict=True):
        try:
            if person is not None:
                _speak_one(sound, paths, report, person, model=model, articulation=articulation, strengths=strengths)
                continue
            _animate_one(sound, paths, report, face=face, shown=shown, size=pixels, model=model, fps=fps,
                         layers=layers, emotion=feeling, articulation=articulation, style=style,
                         strengths=strengths)
        except PersonareError as error:
            report.error(sound, error)
            failed += 1
    report.close(len(sounds), failed)
    if failed:
        raise typer.Exit(1)


def _fit_each_other(photo, portrait, renderer, feelings):
    """Refuse options that contradict each other; feelings are those by their names that a portrait does not know."""
    if photo is not None and portrait is not None:
        raise InputError("--photo", expected="a photo or a portrait", got="both", remedy="leave one out")
    if renderer is not None and photo is None:
        raise InputError("--renderer", expected="a photo to draw", got="none", remedy="add --photo me.jpg")
    for name, given in feelings.items():
        if portrait is not None and given is not None:
            raise InputError(name, expected="none with a portrait, who speaks as in the footage", got=repr(given),
                             remedy="leave it out")


def _on_photo(photo, face, renderer, report):
    """The person on a photo; what a user should know about it is told."""
    from personare.api import open_face, open_photo

    person = open_photo(photo, face=open_face(face), renderer=renderer)
    for note in person.notes:
        report.warning(note)
    return person


def _animate_one(sound, paths, report, *, face, shown, size, **options):
    from personare import api
    from personare.store import ensure_folder

    with report.file(sound):
        for path in paths.values():
            ensure_folder(path.parent)
        face = api.open_face(face) if shown is None else shown.face
        audio = api.open_stream(sound)
        motion = api.animate(audio, **options, progress=report.stage("listen"))
        for format, path in paths.items():
            api.save(motion, path, audio=audio, face=face, portrait=shown, format=format, size=size,
                     progress=report.stage(f"write {format}"))
        report.wrote(paths.values())


def _speak_one(sound, paths, report, person, **options):
    from personare import api
    from personare.store import ensure_folder

    with report.file(sound):
        for path in paths.values():
            ensure_folder(path.parent)
        audio = api.open_stream(sound)
        motion = api.speak(audio, person, **options, progress=report.stage("listen"))
        for format, path in paths.items():
            api.save(motion, path, audio=audio, face=person.face, portrait=person, format=format,
                     progress=report.stage(f"write {format}"))
        report.wrote(paths.values())
