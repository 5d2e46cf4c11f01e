"""Mouth cues of Rhubarb Lip Sync (.tsv, .json, .xml) and switch data of Moho (.dat).

A cue says from when to when one of nine mouth drawings is shown: A closed (m b p), B teeth (s t k), C open (e), D wide
open (a), E rounded (o), F puckered (u w), G lower lip under the teeth (f v), H tongue up (l), X rest. Read, they become
the space rhubarb-9 at 60 frames a second with a short cross-fade at every change. Written, every frame gets the drawing
whose lips are nearest, with a least duration, so that drawings do not flicker.

Source:
    D. S. Wolf, Rhubarb Lip Sync 1.14, readme: mouth shapes and output formats; Moho's are MohoSwitch1 files at 24
    frames a second, counted from 1.
"""

import re
from xml.sax.saxutils import escape

import numpy as np

from personare.arrays import frame_count
from personare.export.columns import first_line
from personare.export.mouth_cues import cues_of
from personare.export.reading import checked_size, decoded_json, decoded_parts, unreadable
from personare.spaces import RHUBARB_9
from personare.store import atomic_path
from personare.types import Motion

FPS, MOHO_FPS = 60.0, 24.0
# Both drawings are mixed for this long at a change, half of it on either side.
FADE_S = 0.08
_LARGEST_BYTES, _MOST_CUES, _LONGEST_S = 16 << 20, 500_000, 6 * 3600.0
# Moho's own names for the drawings, which are Preston Blair's.
MOHO = {"A": "MBP", "B": "etc", "C": "E", "D": "AI", "E": "O", "F": "U", "G": "FV", "H": "L", "X": "rest"}


def write_tsv(path, take, *, progress=None):
    """Write a line "seconds<tab>drawing" for every cue, and the end of the take with the drawing X.

    Args:
        path: where to.
        take: Take with a motion in rhubarb-9, or with ARKit's columns.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: a motion of another kind.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    cues = cues_of(take.motion)
    lines = [f"{start:.2f}\t{shape}\n" for start, _, shape in cues]
    _write(path, [*lines, f"{take.motion.duration_s:.2f}\tX\n"], take, progress)


def write_json(path, take, *, progress=None):
    """Write {"metadata": {"soundFile", "duration"}, "mouthCues": [{"start", "end", "value"}]}; as write_tsv."""
    import msgspec

    cues = [msgspec.json.encode({"start": round(start, 2), "end": round(end, 2), "value": shape}).decode()
            for start, end, shape in cues_of(take.motion)]
    head = msgspec.json.encode({"soundFile": take.name, "duration": round(take.motion.duration_s, 2)}).decode()
    _write(path, ['{"metadata":', head, ',"mouthCues":[\n', ",\n".join(cues), "]}\n"], take, progress)


def write_xml(path, take, *, progress=None):
    """Write <rhubarbResult> with <mouthCues>; as write_tsv."""
    name = escape("".join(c if c.isprintable() else " " for c in take.name))
    cues = [f'    <mouthCue start="{start:.2f}" end="{end:.2f}">{shape}</mouthCue>\n'
            for start, end, shape in cues_of(take.motion)]
    _write(path, ['<?xml version="1.0" encoding="utf-8"?>\n<rhubarbResult>\n  <metadata>\n',
                  f"    <soundFile>{name}</soundFile>\n    <duration>{take.motion.duration_s:.2f}</duration>\n",
                  "  </metadata>\n  <mouthCues>\n", *cues, "  </mouthCues>\n</rhubarbResult>\n"], take, progress)


def write_moho(path, take, *, progress=None):
    """Write switch data of Moho, also read by OpenToonz and Blender's add-ons: "frame drawing"; as write_tsv."""
    lines, last = ["MohoSwitch1\n"], None
    for start, _, shape in cues_of(take.motion):
        frame = 1 + round(start * MOHO_FPS)
        if frame != last:
            lines.append("")
        lines[-1] = f"{frame} {MOHO[shape]}\n"
        last = frame
    _write(path, [*lines, f"{1 + round(take.motion.duration_s * MOHO_FPS)} rest\n"], take, progress)


def _write(path, parts, take, progress):
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf8", newline="\n") as file:
        for part in parts:
            file.write(part)
        if progress:
            progress(len(take.motion), len(take.motion))


def fits_tsv(path):
    """Whether a .tsv or .txt file begins with a cue."""
    return path.suffix.lower() in (".tsv", ".txt") and bool(re.fullmatch(r"[\d.]+\t[A-HX]", first_line(path).strip()))


def fits_json(path):
    """Whether a .json file holds cues."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with open(path, "rb") as file:
            return b'"mouthCues"' in file.read(1 << 16)
    except OSError:
        return False


def fits_xml(path):
    """Whether it is an .xml file."""
    return path.suffix.lower() == ".xml"


def fits_moho(path):
    """Whether a .dat file holds switch data of Moho."""
    return path.suffix.lower() == ".dat" and first_line(path).strip() == "MohoSwitch1"


def read_tsv(path):
    """Read cues; the last line says where they end.

    Args:
        path: of the file.

    Returns:
        Motion in rhubarb-9 at 60 fps.

    Raises:
        InputError: no cues, or damaged ones.
    """
    starts = [line.split("\t") for line in _text(path).splitlines() if line.strip()]
    return _motion(path, starts)


def read_json(path):
    """Read cues; as read_tsv."""
    import msgspec

    document = decoded_json(path, msgspec.defstruct("Document", [("mouthCues", list[msgspec.Raw])]))
    cue = msgspec.defstruct("Cue", [("start", float), ("end", float), ("value", str)])
    cues = list(decoded_parts(path, document.mouthCues[:_MOST_CUES + 1], cue))
    return _motion(path, [*((cue.start, cue.value) for cue in cues), *((cue.end, "X") for cue in cues[-1:])])


def read_xml(path):
    """Read cues; as read_tsv. Only the cues are looked for, so that nothing else in the file can do anything."""
    found = re.findall(r'<mouthCue start="([\d.]{1,20})" end="([\d.]{1,20})">\s*([A-HX])\s*</mouthCue>', _text(path))
    return _motion(path, [*((start, shape) for start, _, shape in found), *((end, "X") for _, end, _ in found[-1:])])


def read_moho(path):
    """Read switch data at 24 frames a second; as read_tsv.

    The drawings are Rhubarb's letters where all of them are, else Moho's names: E is a letter and a name of two things.
    """
    lines = _text(path).split("\n")
    if lines[0].strip() != "MohoSwitch1":
        raise unreadable(path, "a first line that is not MohoSwitch1")
    pairs = [line.strip().partition(" ")[::2] for line in lines[1:] if line.strip()]
    names = {word.lower(): letter for letter, word in MOHO.items()}
    if all(name.strip().upper() in MOHO for _, name in pairs):
        names = {letter.lower(): letter for letter in MOHO}
    for frame, name in pairs:
        if not re.fullmatch(r"-?\d{1,9}", frame) or name.strip().lower() not in names:
            raise unreadable(path, f"a line '{frame[:20]} {name[:20]}'")
    return _motion(path, [(max(0, int(frame) - 1) / MOHO_FPS, names[name.strip().lower()]) for frame, name in pairs])


def _text(path):
    try:
        return checked_size(path, limit=_LARGEST_BYTES).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def _motion(path, starts):
    """Motion of (start in seconds, drawing) in order; the last one is where it ends."""
    if not 2 <= len(starts) <= _MOST_CUES:
        raise unreadable(path, "no cues" if len(starts) < 2 else f"more than {_MOST_CUES:,} cues")
    try:
        times = np.array([float(cue[0]) for cue in starts])
        drawn = np.array([RHUBARB_9.columns.index(str(cue[1]).strip()) for cue in starts])
    except (ValueError, IndexError):
        raise unreadable(path, "a cue without a time and one of the drawings A to H and X") from None
    if not (np.isfinite(times).all() and times[0] >= 0 and (np.diff(times) >= 0).all() and times[-1] <= _LONGEST_S):
        raise unreadable(path, "times that do not rise, or more than six hours of them")
    count = frame_count(times[-1], FPS)
    if not count:
        raise unreadable(path, "cues of no length")
    return Motion(_faded(times, drawn, count), FPS, RHUBARB_9)


def _faded(times, drawn, count):
    """(count, 9) float32 weights: each drawing from its start to the next, mixed across the changes.

    The weight of a cue at time t is the share of t - fade/2 .. t + fade/2 that it covers, so weights sum to 1.
    """
    edges = np.concatenate([times, times[-1:] + 1.0])
    edges[0] = -1.0  # before the first cue its drawing is shown
    low = np.arange(count) / FPS - FADE_S / 2
    values = np.zeros((count, len(RHUBARB_9)), np.float32)
    for k in range(len(RHUBARB_9)):
        # How long drawing k has been shown up to each edge; linear in between.
        shown = np.concatenate([[0.0], np.cumsum(np.diff(edges) * (drawn == k))])
        values[:, k] = (np.interp(low + FADE_S, edges, shown) - np.interp(low, edges, shown)) / FADE_S
    return np.clip(values, 0, 1)
