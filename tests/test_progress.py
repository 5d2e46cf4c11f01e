"""What the command line prints."""

import json

from personare.progress import print_figures


def test_figures_are_json_that_any_reader_takes(capsys):
    print_figures({"psnr": float("inf"), "lips": {"error": float("nan"), "count": 3}}, as_json=True)
    said = json.loads(capsys.readouterr().out, parse_constant=lambda name: 1 / 0)
    assert said == {"psnr": None, "lips": {"error": None, "count": 3}}


def test_figures_are_lines_for_people(capsys):
    print_figures({"score": 0.8408, "closures": {"recall": 0.9, "precision": 0.75}})
    assert capsys.readouterr().out.splitlines() == ["score                0.841",
                                                    "closures             recall 0.90, precision 0.75"]
