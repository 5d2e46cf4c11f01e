"""`personare track`: a video in, the motion of the face in it out."""

from pathlib import Path
from typing import Annotated

import typer

from personare.cli.apps import app
from personare.cli.options import Format, JsonProgress, Output, Quiet, names_file, parse_formats, plan_outputs
from personare.errors import PersonareError
from personare.progress import Mode, Report


@app.command(epilog="Example: `personare track talk.mp4 -o take.csv --preview`")
def track(
    videos: Annotated[list[Path], typer.Argument(help="Videos of a face, any container.")],
    output: Output = None,
    format: Format = "",
    face: Annotated[str, typer.Option("--face", help="Face to fit: a name or a file; see `personare list faces`.")
                    ] = "sona",
    preview: Annotated[bool, typer.Option("--preview", help="Also write NAME.preview.mp4, the fit over the video.")
                       ] = False,
    fps: Annotated[float | None, typer.Option(min=1, max=240, help="Frames a second of takes. Default: the video's.")
                   ] = None,
    focal: Annotated[float | None, typer.Option(min=1, help="Focal length in pixels, where it is known.")] = None,
    photometric: Annotated[bool, typer.Option("--photometric", help="Refine it on every pixel, with light; needs "
                                              "torch, a second or more a picture.")] = False,
    model: Annotated[Path | None, typer.Option(help="Path of face_landmarker.task, where it is not in its place.")
                     ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Leave videos out whose results are there.")] = False,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
):
    """Follow the face in a video: its expression, head pose and shape, as a take for any face.

    An .npz keeps everything: the person's face, the camera and the landmarks, and is read as a take and as a face.
    """
    formats = parse_formats(format or ("" if names_file(output) else "npz"), output)
    targets = plan_outputs(videos, output, formats)
    report, failed = Report(Mode.of(quiet=quiet, json_lines=json_progress)), 0
    for video, paths in zip(videos, targets, strict=True):
        shown = _preview_of(video, paths) if preview else None
        wanted = [*paths.values(), *([shown] if shown else [])]
        if resume and all(path.exists() for path in wanted):
            report.say(f"{video}: results are there")
            continue
        try:
            _track_one(video, paths, shown, report, face=face, fps=fps, focal_px=focal, model=model,
                       photometric=photometric)
        except PersonareError as error:
            report.error(video, error)
            failed += 1
    report.close(len(videos), failed)
    if failed:
        raise typer.Exit(1)


def _preview_of(video, paths):
    return next(iter(paths.values())).parent / f"{video.stem}.preview.mp4"


def _track_one(video, paths, shown, report, *, face, fps, **options):
    from personare import filmed
    from personare.store import ensure_folder

    with report.file(video):
        for path in paths.values():
            ensure_folder(path.parent)
        found = filmed.track(video, face=face, **options, progress=report.stage("track"))
        for note in found.notes:
            report.warning(f"{video}: {note}")
        written = []
        for format, path in paths.items():
            written.append(filmed.save_track(found, path, format=format, fps=fps,
                                             progress=report.stage(f"write {format}")))
        if shown:
            from personare.tracking.preview import write_preview

            written.append(write_preview(found, video, shown, progress=report.stage("preview")))
        report.wrote(written)
