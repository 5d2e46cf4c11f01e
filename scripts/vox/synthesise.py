"""Speech with exact phone times from free synthesisers: espeak-ng (library), flite and festival (commands).

    python scripts/vox/synthesise.py --engine espeak --language de --hours 0.3 --out shard.npz --seed 1
"""

import argparse
import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from texts import SPELLING, sentence

from personare.learn.data import write_shard
from personare.learn.phones import from_arpabet, from_ipa, spread

RATE_HZ = 16000
_VARIANTS = """
m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Andy Annie Denis Gene Hugo Jacky Lee Marco Mario Michael Mike Alex
Alicia Andrea adam anika antonio aunty belinda benjamin boris caleb david ed edward gustave iven john klatt
klatt2 klatt3 klatt4 linda max michel miguel norbert pablo paul pedro quincy rob robert sandro steph travis
victor zac croak whisper whisperf grandma grandpa
"""
VARIANTS = _VARIANTS.split()
# Languages espeak-ng's own code differs for.
ESPEAK_NAME = {"en": ("en-us", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc"),
               "fr": ("fr", "fr-be", "fr-ch"), "es": ("es", "es-419"), "cmn": ("cmn-latn-pinyin",),
               "pt": ("pt", "pt-br")}
FESTIVAL = {"kal_diphone": "en", "ked_diphone": "en", "lp_diphone": "it", "pc_diphone": "it",
            "czech_dita": "cs", "czech_krb": "cs", "czech_machac": "cs", "czech_ph": "cs", "suo_fi_lj_diphone": "fi",
            "hy_fi_mv_diphone": "fi", "msu_ru_nsh_clunits": "ru", "upc_ca_ona_hts": "es"}


class EspeakEvent(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
                ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
                ("user_data", ctypes.c_void_p), ("id", ctypes.c_char * 8)]


class Espeak:
    """espeak-ng in this process; speak() gives sound and phone times."""

    PHONEME, END, SYNCHRONOUS, IPA_EVENTS = 7, 6, 2, 3

    def __init__(self):
        self.engine = ctypes.CDLL("libespeak-ng.so.1")
        self.rate_hz = self.engine.espeak_Initialize(self.SYNCHRONOUS, 0, None, self.IPA_EVENTS)
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                                ctypes.POINTER(EspeakEvent))
        self._callback = kind(self._receive)
        self.engine.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, count, events):
        if samples and count > 0:
            self.sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type:
            if events[i].type == self.PHONEME:
                name = ctypes.string_at(ctypes.addressof(events[i]) + EspeakEvent.id.offset, 8).split(b"\0")[0]
                self.events.append((events[i].audio_position / 1000, name.decode("utf-8", "ignore")))
            i += 1
        return 0

    def speak(self, text, *, voice, rate, pitch, pitch_range):
        """(n,) float32 at 16 kHz and [(phone id, start_s, end_s)]."""
        self.sound, self.events = [], []
        if self.engine.espeak_SetVoiceByName(voice.encode()):
            return None
        for parameter, value in ((1, rate), (3, pitch), (4, pitch_range)):
            self.engine.espeak_SetParameter(parameter, int(value), 0)
        data = text.encode()
        self.engine.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        if not self.sound:
            return None
        sound = np.concatenate(self.sound).astype(np.float32) / 32768
        ends = [start for start, _ in self.events[1:]] + [len(sound) / self.rate_hz]
        times = []
        for (start, name), end in zip(self.events, ends, strict=True):
            if end > start and (phones := from_ipa(name)):
                times += spread(phones, start, end)
        return soxr.resample(sound, self.rate_hz, RATE_HZ), times


def espeak_utterances(language, rng, words):
    """Endless (sound, phone times, speaker) of one language in many voices."""
    espeak = Espeak()
    names = ESPEAK_NAME.get(language, (language,))
    while True:
        name, variant = rng.choice(names), rng.choice(VARIANTS)
        spoken = espeak.speak(sentence(language, rng, words), voice=f"{name}+{variant}", rate=rng.integers(110, 260),
                              pitch=rng.integers(15, 85), pitch_range=rng.integers(20, 80))
        if spoken and len(spoken[1]) > 5:
            yield *spoken, f"espeak/{variant}"


def flite_utterances(voice, rng, words):
    """Endless (sound, phone times, speaker) of one flite voice."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.wav"
        while True:
            stretch = f"duration_stretch={rng.uniform(0.7, 1.35):.3f}"
            command = ["flite", "-voice", voice, "-psdur", "--setf", stretch,
                       "-t", sentence("en", rng, words), "-o", path]
            if voice == "kal16":
                command[3:3] = ["--setf", f"int_f0_target_mean={rng.uniform(75, 160):.1f}"]
            said = subprocess.run(command, capture_output=True, text=True).stdout
            times, at = [], 0.0
            for item in said.split():
                symbol, _, end = item.partition(":")
                if phones := from_arpabet(symbol):
                    times += spread(phones, at, float(end))
                at = float(end)
            sound, rate_hz = soundfile.read(path, dtype="float32")
            yield soxr.resample(sound, rate_hz, RATE_HZ), times, f"flite/{voice}"


def festival_utterances(voice, rng, words, batch=40):
    """Endless (sound, phone times, speaker) of one festival voice, a batch of sentences a process."""
    read = from_arpabet if FESTIVAL[voice] == "en" else from_local
    with tempfile.TemporaryDirectory() as folder:
        while True:
            lines = [f"(voice_{voice})"]
            for i in range(batch):
                text = sentence(FESTIVAL[voice], rng, words).replace('"', "")
                lines += [f"(Parameter.set 'Duration_Stretch {rng.uniform(0.75, 1.3):.2f})",
                          f'(set! u (Utterance Text "{text}"))', "(utt.synth u)",
                          f'(utt.save.segs u "{folder}/{i}.lab")', f"(utt.save.wave u \"{folder}/{i}.wav\" 'riff)"]
            coding = {"cs": "iso8859-2", "ru": "utf-8", "hi": "utf-8"}.get(FESTIVAL[voice], "iso8859-1")
            Path(f"{folder}/say.scm").write_bytes("\n".join(lines).encode(coding, "ignore"))
            subprocess.run(["festival", "-b", f"{folder}/say.scm"], capture_output=True)
            for lab in sorted(Path(folder).glob("*.lab")):
                times, at = [], 0.0
                for row in lab.read_text(errors="ignore").splitlines()[1:]:
                    end, _, symbol = row.split()[:3]
                    if phones := read(symbol):
                        times += spread(phones, at, float(end))
                    at = float(end)
                if lab.with_suffix(".wav").exists():
                    sound, rate_hz = soundfile.read(lab.with_suffix(".wav"), dtype="float32")
                    yield soxr.resample(sound, rate_hz, RATE_HZ), times, f"festival/{voice}"
                    lab.with_suffix(".wav").unlink()
                lab.unlink()


def from_local(symbol):
    """Classes of the ad hoc phone names of the Italian, Czech, Finnish, Russian, Catalan and Hindi voices."""
    if symbol.startswith(("#", "pau", "_", "@@")):
        return ("SIL",)
    symbol = symbol.rstrip("0123456789*:~").lower()
    special = {"ts": ("T", "S"), "dz": ("D", "Z"), "tʃ": ("CH",), "c~": ("T", "S"),
               "ch": ("CH",), "sh": ("SH",), "zh": ("ZH",)}
    if symbol in special:
        return special[symbol]
    return from_ipa(symbol[:1])


def main():
    """Write one shard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("espeak", "flite", "festival"), required=True)
    parser.add_argument("--language", default="en", choices=tuple(SPELLING))
    parser.add_argument("--voice", default="slt", help="of flite or festival")
    parser.add_argument("--words", help="text file; its words are spoken too")
    parser.add_argument("--hours", type=float, default=0.1)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    words = sorted(set(Path(options.words).read_text(encoding="utf-8").split())) if options.words else []
    source = {"espeak": lambda: espeak_utterances(options.language, rng, words),
              "flite": lambda: flite_utterances(options.voice, rng, words),
              "festival": lambda: festival_utterances(options.voice, rng, words)}[options.engine]()
    utterances, seconds = [], 0.0
    for sound, times, speaker in source:
        utterances.append((sound, times, f"{speaker}/{options.language}"))
        seconds += len(sound) / RATE_HZ
        if seconds >= options.hours * 3600:
            break
    write_shard(options.out, utterances)


if __name__ == "__main__":
    main()
