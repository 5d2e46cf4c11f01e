"""Do lips close at p b m in other languages? PhoneLip of synthesised speech with exact phones, ten languages.

    python benchmarks/vox_languages.py [--model NAME]... [--shards SCRATCH/shards]

The sentences below, spoken by espeak-ng in voices that the built-in models were not trained on (the languages, and
espeak-ng itself, they were); its own phone events are the labels. Recall and precision of p b m count as PhoneLip does.
With --shards, the folder scripts/train_vox.py leaves behind, the recorded sentences it held out as well: English,
German, Dutch. Needs the library libespeak-ng (Debian package espeak-ng).
"""

import argparse
import sys
from pathlib import Path

import personare
from personare.learn.phones import PHONES, to_arpabet
from personare.metrics.phonelip import CLOSED, Utterance, phonelip
from personare.types import Audio

sys.path[:0] = [str(Path(__file__).parents[1] / "scripts"), str(Path(__file__).parents[1] / "scripts" / "vox")]

RATE_HZ, FPS = 16000, 60
# Names of espeak-ng's own variants that scripts/vox/synthesise.py never draws.
VOICES = ("Diogo", "shelby", "marcelo", "announcer", "edward2", "steph3")
RATES, PITCHES = (140, 175, 210), (35, 50, 65)
SENTENCES = {
    "en": ("My brother bought a big map of the harbour.", "People from the farm came to pick apples before lunch.",
           "We put the warm bread on the table and move the lamp.", "Bob may keep the paper in an empty box."),
    "de": ("Mein Bruder kam am Abend mit dem Bus aus Bremen.",
           "Die Mutter backt immer am Samstag Brot und Apfelkuchen.",
           "Bitte pass auf, der Ball fliegt über den Baum.",
           "Im Sommer haben wir oben am Berg viele Blumen gepflückt."),
    "fr": ("Mon père a posé la pomme sur la petite table blanche.", "Ma mère me prépare une bonne soupe pour midi.",
           "Le bateau part demain matin avec beaucoup de passagers.",
           "Combien de temps faut-il pour apprendre la musique?"),
    "es": ("Mi papá compra pan y mantequilla por la mañana.", "El hombre bebe un vaso de vino blanco en el balcón.",
           "También me gusta pasear por el campo en primavera.", "La abuela prepara una sopa para toda la familia."),
    "it": ("La mamma compra il pane e le mele al mercato.", "Il bambino beve sempre un bicchiere d'acqua fresca.",
           "Domani prendiamo il primo treno per Bologna.", "Mio fratello abita a Palermo con la sua famiglia."),
    "ja": ("ぼくは まいにち ぱんを たべます。", "まどの まえに ぼうしが みっつ あります。",
           "びじゅつかんの まえで ばすを まちました。", "ぶたと うまが むらの みちを はしります。"),
    "cmn": ("wo3 ba4 ba5 mai3 le5 mian4 bao1 he2 ping2 guo3", "ma1 ma5 ming2 tian1 pei2 peng2 you5 pao3 bu4",
            "bei3 jing1 fu4 jin4 you3 hen3 duo1 ming2 shan1", "ta1 ba3 bai2 mao4 zi5 fang4 zai4 men2 bian1"),
    "ru": ("Мой брат купил большую белую собаку.", "Мама варит суп и печёт пирог по субботам.",
           "Бабушка любит пить чай с мёдом по утрам.", "Потом мы пошли по мосту на другой берег."),
    "hi": ("मेरे भाई ने बाज़ार से पाँच आम और पपीता मंगवाया।", "माँ ने बच्चे के लिए मीठी रोटी बनाई।",
           "बारिश में बाहर मत भागो, पैर फिसल जाएगा।", "हम सब मिलकर पुराने मंदिर में पूजा करते हैं।"),
    "ar": ("ذَهَبَ مُحَمَّدٌ مَعَ أَبِيهِ إِلَى المَكْتَبَةِ.", "أُمِّي تُحِبُّ المَطْبَخَ وَالخُبْزَ.",
           "بَابُ البَيْتِ مَفْتُوحٌ أَمَامَ المَدِينَةِ.", "شَرِبَ الوَلَدُ كُوبًا مِنَ المَاءِ البَارِدِ."),
}


def spoken(language):
    """[((n,) sound, labels)] of a language's sentences, in every voice, at different rates and pitches."""
    from synthesise import ESPEAK_NAME, Espeak

    espeak, found = Espeak(), []
    name = "en-us" if language == "en" else ESPEAK_NAME.get(language, (language,))[0]
    for i, voice in enumerate(VOICES):
        for k, text in enumerate(SENTENCES[language]):
            said = espeak.speak(text, voice=f"{name}+{voice}", rate=RATES[(i + k) % 3], pitch=PITCHES[(i + 2 * k) % 3],
                                pitch_range=50)
            if said is None:
                raise SystemExit(f"espeak-ng has no voice {name}+{voice}; install espeak-ng-data")
            found.append((said[0], labelled(said[1])))
    return found


def recorded(shards):
    """Speaker -> [(sound, labels)] of the sentences held out of training."""
    from train_vox import read_corpora

    return {f"{corpus[0].speaker} (recorded)": [
        (one.samples.astype("float32") / 32768, labelled(zip(one.phones, one.starts_s, one.ends_s, strict=True)))
        for one in corpus] for corpus in read_corpora(shards, held_out=True)[0]}


def labelled(times):
    """[(start s, end s, ARPABET phone)] of (phone id, start s, end s)."""
    return [(float(start), float(end), to_arpabet(PHONES[int(phone)])) for phone, start, end in times]


def score(takes, model):
    """PhoneLip figures of [(sound, labels)]."""
    return phonelip([Utterance(personare.animate(Audio(sound, RATE_HZ), model=model, fps=FPS, layers=personare.STILL),
                               labels) for sound, labels in takes])


def main():
    """Print a row for each language and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="name or path of a bundle; several times for several")
    parser.add_argument("--shards", type=Path, help="shards of scripts/train_vox.py, for its held-out recordings")
    options = parser.parse_args()
    groups = {language: spoken(language) for language in SENTENCES}
    groups |= recorded(options.shards) if options.shards else {}
    for model in options.model or ["vox", "vox-live"]:
        print(f"{model}\n{'':28s}{'p b m':>7s}{'recall':>8s}{'prec.':>7s}{'AUC':>7s}{'f v':>7s}{'round':>7s}"
              f"{'score':>7s}")
        for name, takes in groups.items():
            row = score(takes, model)
            count = sum(phone in CLOSED for _, labels in takes for *_, phone in labels)
            print(f"{name:28s}{count:7d}{row['closure_recall']:8.2f}{row['closure_precision']:7.2f}"
                  f"{row['closure_auc']:7.3f}{row['labiodental_auc']:7.3f}{row['round_auc']:7.3f}{row['score']:7.3f}",
                  flush=True)


if __name__ == "__main__":
    main()
