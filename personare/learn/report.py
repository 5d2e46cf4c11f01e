"""What came of learning, as one page that needs nothing else: curves of held-out clips as pictures, and the numbers."""

from html import escape

import numpy as np

from personare.arrays import correlations
from personare.learn.comparison import moving_columns

# Curves shown, seconds of them, and the pictures' size in pixels.
MOST_CURVES, MOST_CLIPS, SHOWN_S, WIDTH, HEIGHT = 6, 3, 10.0, 900, 130
_COLOURS = {"recorded": "#222222", "learned": "#d1495b", "ridge": "#8aa1b1", "built-in": "#4c956c"}
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}svg{display:block;background:#fafafa;margin:.3em 0 1em}
figcaption,small{color:#555}@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}
svg{background:#f4f4f4}td,th{border-color:#444}}"""
_FIGURES = {"r2": "R², pooled", "r2_mean": "R², mean of columns", "r": "correlation", "error": "mean error"}


def written_report(card, corpus, compared, told, proof, curve):
    """HTML text.

    Args:
        card: dict of the bundle's card.
        corpus: prepared.Corpus.
        compared: name -> list of (t, k) values, one for each held-out clip.
        told: name -> dict of comparison.figures.
        proof: see proof.prove.
        curve: list of [round, loss, held-out error].
    """
    seconds = sum(len(clip.values) for clip in corpus.to_learn) / corpus.fps
    parts = [f"<h1>{escape(card['name'])}</h1><p>{escape(card['summary'])}. Learned from {len(corpus.to_learn)} clips, "
             f"{seconds:.0f} s, {len(corpus.columns)} columns of {escape(corpus.space.name)} at {corpus.fps:g} frames "
             f"a second, heard through {escape(corpus.front_end.name)}.</p>"]
    parts += _judged(corpus, compared, told) if corpus.held_out else [
        "<p><b>No clip was held out</b>, so nothing here says how good it is. Hold some out: --held-out NAME,NAME.</p>"]
    parts.append(_course(curve))
    parts.append("<h2>The bundle against the network</h2><p>Largest difference as a share of the largest value: "
                 + ", ".join(f"{escape(name)} {far:.1e}" for name, far in proof.items()) + ".</p>")
    rows = "".join(f"<tr><td>{escape(one['name'])}</td><td>{escape(one['licence'])}</td></tr>"
                   for one in card["sources"])
    parts.append(f"<h2>Material</h2><table><tr><th>source</th><th>licence</th></tr>{rows}</table>")
    return (f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(card['name'])}</title>"
            f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>")


def _judged(corpus, compared, told):
    """Numbers and pictures of the held-out clips."""
    head = "".join(f"<th>{title}</th>" for title in ("", *_FIGURES.values()))
    rows = "".join(f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{one[key]:.3f}</td>" for key in _FIGURES) + "</tr>"
                   for name, one in told.items())
    names = ", ".join(clip.name for clip in corpus.held_out)
    heard = "log-mel energies" if corpus.has_sound else f"the rows of {escape(corpus.front_end.name)}"
    parts = [f"<h2>On clips it has not seen</h2><table><tr>{head}</tr>{rows}</table><p><small>{escape(names)}. "
             "R² is 1 - squared error / variance: 1 is perfect, 0 no better than the mean of these very clips, below "
             f"0 worse. Mean: that of the clips learned from. Ridge: linear regression on {heard} 260 ms "
             "around a frame. Built-in: the model that comes with personare.</small></p>"]
    for i, clip in enumerate(corpus.held_out[:MOST_CLIPS]):
        others = {name: values[i] for name, values in compared.items() if name in _COLOURS}
        parts.append(f"<h3>{escape(clip.name)}</h3>" + _pictures(corpus, clip, others))
    truth = np.concatenate([clip.values for clip in corpus.held_out])
    learned = np.concatenate(compared["learned"])
    each, spread = correlations(truth, learned), truth.var(axis=0)
    order = [k for k in np.argsort(-spread) if moving_columns(truth)[k]]
    r2 = 1 - ((truth - learned) ** 2).mean(axis=0) / np.maximum(spread, 1e-12)
    rows = "".join(f"<tr><td>{escape(corpus.columns[k])}</td><td>{r2[k]:.2f}</td><td>{each[k]:.2f}</td></tr>"
                   for k in order)
    parts.append("<details><summary>Each column that moves</summary><table><tr><th>column</th><th>R²</th>"
                 f"<th>correlation</th></tr>{rows}</table></details>")
    return parts


def _pictures(corpus, clip, others):
    """The columns that move most, in the ten seconds in which they do."""
    count = min(len(clip.values), int(SHOWN_S * corpus.fps))
    order = np.argsort(-clip.values.var(axis=0))[:MOST_CURVES]
    motion = np.concatenate([[0], np.cumsum(np.abs(np.diff(clip.values[:, order], axis=0)).sum(axis=1))])
    first = int(np.argmax(motion[count - 1 :] - motion[: len(motion) - count + 1]))
    key = " ".join(f'<span style="color:{_COLOURS[name]}">&#9632;</span> {escape(name)}'
                   for name in ("recorded", *others))
    parts = [f"<p><small>{key}; from {first / corpus.fps:.1f} s, {count / corpus.fps:.0f} s</small></p>"]
    for k in order:
        lines = {name: values[first : first + count, k] for name, values in others.items()}
        lines["recorded"] = clip.values[first : first + count, k]
        parts.append(f"<figure style=margin:0><figcaption>{escape(corpus.columns[k])}</figcaption>"
                     f"{_chart(lines)}</figure>")
    return "".join(parts)


def _course(curve):
    """Loss and held-out error of the rounds."""
    rows = np.array([row[1:] for row in curve], np.float64).reshape(-1, 2)
    parts = ["<h2>How it learned</h2>"]
    for title, values, name in (("loss", rows[:, 0], "recorded"),
                                ("held-out error (1 is as bad as the mean)", rows[:, 1], "learned")):
        if len(values) > 1 and np.isfinite(values).all():
            parts.append(f"<figure style=margin:0><figcaption>{title}, from {values[0]:.3g} to {values[-1]:.3g} in "
                         f"{len(values)} rounds</figcaption>{_chart({name: values})}</figure>")
    return "".join(parts)


def _chart(lines):
    """SVG of several (t,) curves in one frame."""
    least = min(float(values.min()) for values in lines.values())
    most = max(float(values.max()) for values in lines.values())
    span = max(most - least, 1e-6)
    drawn = []
    for name, values in lines.items():
        x = np.linspace(4, WIDTH - 4, len(values))
        y = HEIGHT - 6 - (values - least) / span * (HEIGHT - 12)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        drawn.append(f'<polyline fill="none" stroke="{_COLOURS[name]}" stroke-width="1.6" points="{points}"/>')
    label = f'<text x="6" y="14" font-size="11" fill="#777">{most:.2g}</text>' \
            f'<text x="6" y="{HEIGHT - 4}" font-size="11" fill="#777">{least:.2g}</text>'
    return (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" aria-label="{escape(", ".join(lines))}">'
            f"{''.join(drawn)}{label}</svg>")
