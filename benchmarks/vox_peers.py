"""PhoneLip of the built-in model beside what else turns speech into a mouth on a CPU.

    python benchmarks/vox_peers.py --shared DIR [--model NAME or BUNDLE]... [--no-peers] [--phones PATH]
        [--recipes dvp-ridge,stylist] [--adapted vox] [--cache FOLDER]

Needs the package pocketsphinx (its wheel carries an English acoustic model) for three of the peers:

- rhubarb: the rules of Rhubarb Lip Sync (benchmarks/rhubarb_rules.py) on the phones of the words pocketsphinx hears, as
  its own English recogniser does; shapes A..X drawn as ARKit poses (personare.motion.poses), crossfaded over 60 ms.
- rhubarb, phonetic: the same rules on pocketsphinx' phone loop, as its recogniser for other languages does.
- viseme rules: dominance functions and closures (personare.learn.visemes) on the phone loop.
- the rules with true phones: the same on the labels; a ceiling, not a peer.
- loudness: the jaw follows the level. shut: the mouth stays closed.
- previous vox: the bundle of commit 13e9edd, run by the code of that commit, from the repository's history.

--phones keeps what pocketsphinx heard, as it takes about as long as the sound.

--recipes, methods that need film to learn from, and --adapted, models adapted to the same film, print more rows. All
have learned from seven filmed clips of five people (benchmarks/learned_from_film.py), for obama2 without Obama's, and
their mouth is read off 64 coefficients by a line that was fitted to the true ones, which is in their favour. Filmed
lips seldom rest closed, so the second row of each has all gaps lessened by as much, and all motion later by as many
frames, as gives it the highest score here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rhubarb_rules import SHAPES, shapes_of
from vox import loud_motion, shut_motion
from vox_robustness import RATE_HZ, recordings

import personare
from personare.metrics.phonelip import Utterance, phonelip
from personare.motion.mouth import REST_CM, measures_cm
from personare.motion.poses import POSES
from personare.spaces import ARKIT_52
from personare.types import Audio, Motion

PREVIOUS = "13e9edd"
# Who of the filmed people speaks in which recording.
FILMED = {"obama2": "obama"}
# What the gaps of methods that learned from film may be lessened by, and how many frames they may be later.
LESS_CM, LATER_FRAMES = np.arange(0, 1.3, 0.1), range(-1, 4)
SHAPE_HZ, FILM_HZ, CROSSFADE_S, PAUSE_S = 100, 30, 0.06, 0.2
ARPABET = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH",
                     "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V",
                     "W", "Y", "Z", "ZH"])
# ARPABET -> our classes, where they differ; diphthongs are two phones, the first for three fifths.
PAIRS = {"AY": ("A", "IH"), "AW": ("A", "UH"), "EY": ("E", "IH"), "OW": ("O", "UH"), "OY": ("AO", "IH")}
OURS = {"IY": "I", "UW": "U", "HH": "H", "Y": "J"}


def heard_phones(sound):
    """List of (start, end, phone) of pocketsphinx' phone loop."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(allphone=pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin"), lm=None, lw=2.0,
                                   beam=1e-20, pbeam=1e-20, loglevel="FATAL")
    return [(s.start_frame / 100, (s.end_frame + 1) / 100, s.word) for s in _decoded(decoder, sound)
            if s.word in ARPABET]


def heard_words(sound):
    """List of (start, end, phone) of the words pocketsphinx hears, aligned to the sound utterance by utterance."""
    import pocketsphinx

    words = [(s.word, s.start_frame / 100, (s.end_frame + 1) / 100)
             for s in _decoded(pocketsphinx.Decoder(loglevel="FATAL"), sound)]
    utterances = [[]]
    for word, start, end in words:
        if word.startswith(("<", "[")):
            utterances += [[]] if end - start >= PAUSE_S else []
        else:
            utterances[-1].append((word.partition("(")[0], start, end))
    phones = []
    for spoken in filter(None, utterances):
        begin, stop = max(spoken[0][1] - 0.1, 0), spoken[-1][2] + 0.1
        piece = sound[int(begin * RATE_HZ) : int(stop * RATE_HZ)]
        phones += [(begin + a, begin + b, phone) for a, b, phone in _aligned(piece, [word for word, _, _ in spoken])]
    return phones


def _aligned(sound, words):
    """(start, end, phone) of known words; of the phone loop where they cannot be aligned."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(lm=None, beam=1e-80, pbeam=1e-80, wbeam=1e-60, loglevel="FATAL")
    try:
        decoder.set_align_text(" ".join(words))
        pauses = [(s.start_frame / 100, s.end_frame / 100) for s in _decoded(decoder, sound) if s.word[0] in "<["]
        decoder.set_alignment()
        _decoded(decoder, sound)
        found = [(p.start / 100, (p.start + p.duration) / 100, p.name) for w in decoder.get_alignment() for p in w]
    except RuntimeError:
        return heard_phones(sound)
    return [(start, _until(start, end, pauses), phone) for start, end, phone in found if phone in ARPABET]


def _until(start, end, pauses):
    """Where a phone ends once pauses inside it are left out; 30 ms at least."""
    return min([max(a, start + 0.03) for a, _ in pauses if start < a < end], default=end)


def _decoded(decoder, sound):
    decoder.start_utt()
    decoder.process_raw((np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    return list(decoder.seg())


def rhubarb_motion(phones, sound):
    """Motion of Rhubarb's shapes."""
    count = int(np.ceil(len(sound) / RATE_HZ * SHAPE_HZ))
    poses = np.zeros((len(SHAPES), len(ARKIT_52)))
    for i, shape in enumerate(SHAPES):
        for column, weight in POSES["rhubarb-9"][shape].items():
            poses[i, ARKIT_52.index(column)] = weight
    drawn = poses[[SHAPES.index(shape) for shape in shapes_of(phones, count)]]
    width = round(CROSSFADE_S * SHAPE_HZ) | 1
    padded = np.pad(drawn, ((width // 2, width // 2), (0, 0)), mode="edge")
    sums = np.cumsum(np.concatenate([np.zeros((1, drawn.shape[1])), padded]), axis=0)
    return Motion((sums[width:] - sums[:-width]) / width, SHAPE_HZ, ARKIT_52)


def rules_motion(phones, sound):
    """Motion of dominance functions and closures on phones, as large as vox's."""
    from personare.learn.phones import PHONE_ID
    from personare.learn.visemes import targets
    from personare.motion.lips import arkit_from_curves, constrain
    from personare.motion.vox import open_vox, sized

    rows = []
    for start, end, phone in phones:
        turn = start + 0.6 * (end - start)
        pair = PAIRS.get(phone)
        rows += [(start, turn, pair[0]), (turn, end, pair[1])] if pair else [(start, end, OURS.get(phone, phone))]
    rows = [row for row in rows if row[2] in PHONE_ID]
    count = int(np.ceil(len(sound) / RATE_HZ * 60))
    curves, gates, _ = targets([PHONE_ID[p] for _, _, p in rows], [s for s, _, _ in rows], [e for _, e, _ in rows],
                               frame_count=count, rate_hz=60.0)
    return Motion(arkit_from_curves(constrain(sized(curves, open_vox().options), gates)), 60, ARKIT_52)


def previous_motions(takes):
    """Motions of the model of an earlier commit, by its own code in a process of its own."""
    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        archive = subprocess.run(["git", "archive", PREVIOUS, "personare"], cwd=root, capture_output=True, check=True)
        subprocess.run(["tar", "x", "-C", scratch], input=archive.stdout, check=True)
        np.savez(scratch / "sounds.npz", **{f"s{i}": take[2] for i, take in enumerate(takes)})
        code = ("import numpy as np, personare\nz = np.load('sounds.npz')\n"
                "np.savez('motions.npz', **{k: personare.animate(personare.Audio(z[k], 16000), fps=60, "
                "layers=personare.STILL).values for k in z.files})")
        subprocess.run([sys.executable, "-c", code], cwd=scratch, check=True)
        with np.load(scratch / "motions.npz") as file:
            return [Motion(file[f"s{i}"], 60, ARKIT_52) for i in range(len(takes))]


def heard(takes, path):
    """{recording: {"phones": ..., "words": ...}} of pocketsphinx; kept at path where one is given."""
    if path and path.is_file():
        return json.loads(path.read_text())
    found = {name: {"phones": heard_phones(sound), "words": heard_words(sound)} for name, _, sound, _ in takes}
    if path:
        path.write_text(json.dumps(found))
    return found


def model_motion(model, sound):
    """What a model of any method says, in ARKit-52 where its own space has a way there."""
    motion = personare.animate(Audio(sound, RATE_HZ), model=model, fps=60, layers=personare.STILL)
    return motion if motion.space == ARKIT_52 else personare.convert(motion, ARKIT_52)[0]


def film_mouths(takes, shared, *, recipes=(), adapted=(), cache=None):
    """What methods and adapted models say that have learned from film.

    Returns:
        dict: method -> for each recording (t, 3) lip gap, mouth width and height of the lower lip in cm.
    """
    from learned_from_film import mouth_map, said_by_adapter, said_by_recipe
    from paired_bfm import clips_of

    sounds, said = {name: Audio(sound, RATE_HZ) for name, _, sound, _ in takes}, {}
    with tempfile.TemporaryDirectory() as place:
        dataset = clips_of(shared, Path(place))
        weight, level_cm = mouth_map(shared / "data", dataset)
        for method in recipes:
            said[method] = said_by_recipe(dataset, sounds, FILMED, method, cache=cache)
        for model in adapted:
            said[f"{Path(model).name} adapted"] = said_by_adapter(dataset, sounds, FILMED, model)
    return {method: [values[name] @ weight + level_cm for name in sounds] for method, values in said.items()}


def mouth_motion(mouth, *, less_cm=0.0, later=0):
    """The smallest Motion in ARKit-52 with a (t, 3) mouth, 30 a second; its gap lessened, its frames later."""
    unit = measures_cm(Motion(np.eye(len(ARKIT_52)), FILM_HZ, ARKIT_52)) - REST_CM
    mouth = mouth[np.clip(np.arange(len(mouth)) - later, 0, len(mouth) - 1)] - (less_cm, 0, 0)
    return Motion((mouth - REST_CM) @ np.linalg.pinv(unit), FILM_HZ, ARKIT_52)


def film_lines(takes, mouths):
    """Print two rows for each method: as it is, and at the level and lag that serve it best."""
    for method, each in mouths.items():
        line(method, takes, [mouth_motion(mouth) for mouth in each])
        moved = [(float(less_cm), later, [mouth_motion(mouth, less_cm=less_cm, later=later) for mouth in each])
                 for less_cm in LESS_CM for later in LATER_FRAMES]
        less_cm, later, best = max(moved, key=lambda one: scored(takes, one[2])["score"])
        line(f"  {less_cm:.1f} cm less, {later} frames later", takes, best)


def scored(takes, motions):
    """PhoneLip of motions of all recordings."""
    return phonelip([Utterance(motion, labels, speaker)
                     for motion, (_, speaker, _, labels) in zip(motions, takes, strict=True)])


def line(name, takes, motions):
    """Print one row."""
    row = scored(takes, motions)
    print(f"{name:32s}{row['score']:7.3f}{row['closure_recall']:8.2f}{row['closure_precision']:7.2f}"
          f"{row['closure_auc']:7.3f}{row['labiodental_auc']:7.3f}{row['round_auc']:7.3f}{row['open_auc']:7.3f}"
          f"{row['rest']:7.2f}{row['gap_p95_cm']:7.2f}{row['share_above_12_hz']:7.3f}{row['closure_lag_ms']:7.0f}",
          flush=True)


def main():
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, required=True)
    options.add_argument("--model", action="append", help="name or path of a bundle; several times for several")
    options.add_argument("--no-peers", action="store_true", help="print the models alone")
    options.add_argument("--phones", type=Path, help="json file that keeps what pocketsphinx heard")
    options.add_argument("--recipes", default="", help="methods that learn from film, by commas")
    options.add_argument("--adapted", default="", help="models that are adapted to film, by commas")
    options.add_argument("--cache", type=Path, help="folder that keeps what the recipes said")
    options = options.parse_args()
    takes = recordings(options.shared)
    print(f"{'':32s}{'score':>7s}{'recall':>8s}{'prec.':>7s}{'AUC':>7s}{'f v':>7s}{'round':>7s}{'open':>7s}{'rest':>7s}"
          f"{'p95':>7s}{'fast':>7s}{'lag':>7s}")
    for model in options.model or ["vox"]:
        line(model, takes, [model_motion(model, sound) for _, _, sound, _ in takes])
    if options.recipes or options.adapted:
        recipes, adapted = (list(filter(None, text.split(","))) for text in (options.recipes, options.adapted))
        film_lines(takes, film_mouths(takes, options.shared, recipes=recipes, adapted=adapted, cache=options.cache))
    if options.no_peers:
        return
    line("previous vox", takes, previous_motions(takes))
    phones = heard(takes, options.phones)
    line("viseme rules, heard phones", takes, [rules_motion(phones[name]["phones"], s) for name, _, s, _ in takes])
    line("viseme rules, heard words", takes, [rules_motion(phones[name]["words"], s) for name, _, s, _ in takes])
    line("rhubarb", takes, [rhubarb_motion(phones[name]["words"], s) for name, _, s, _ in takes])
    line("rhubarb, phonetic", takes, [rhubarb_motion(phones[name]["phones"], s) for name, _, s, _ in takes])
    line("loudness", takes, [Motion(loud_motion(sound), 30, ARKIT_52) for _, _, sound, _ in takes])
    line("shut", takes, [Motion(shut_motion(sound), 30, ARKIT_52) for _, _, sound, _ in takes])
    line("viseme rules, true phones", takes, [rules_motion(labels, sound) for _, _, sound, labels in takes])
    line("rhubarb's rules, true phones", takes, [rhubarb_motion(labels, sound) for _, _, sound, labels in takes])


if __name__ == "__main__":
    main()
