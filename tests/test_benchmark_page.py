"""The page of numbers: ratios by hand, every figure drawn, foreign files refused."""

import json

import pytest

from benchmarks import page

pytest.importorskip("matplotlib")
LIMITS = [
    {"limit": "products, float32", "value": 300.0, "unit": "GFLOP/s"},
    {"limit": "triad", "value": 20.0, "unit": "GB/s"},
]
STEP = {"technique": "vae_mlp", "chunk_us": 50.0, "mflop": 3.0, "peak_mb": 1.0, "share": 0.2, "quality": 1.0}


def numbers(date, ours, theirs=100.0):
    """Of a race in which only the second of ours is fast, and of one without a peer."""
    race = {"fused": 0.5 * ours, "fused, 2 host devices": ours, "PyTorch": theirs}
    rows = [{"network": "mlp", "contender": name, "images_per_second": speed} for name, speed in race.items()]
    alone = [{"contender": "fused", "images_per_second": 3.0}]
    return {
        "device": {"kind": "a processor"},
        "cores": 2,
        "versions": {"jax": "0.10"},
        "date": date,
        "limits": LIMITS,
        "rows": {"vae": rows, "boltzmann": alone, "steps": [STEP, {**STEP, "technique": "rbm", "share": None}]},
    }


def test_ratios_are_of_the_fastest_on_each_side():
    assert page.against_peers(numbers("1", 150.0)) == {"vae mlp": 1.5}
    assert page.limit(numbers("1", 1.0), "triad") == 20.0


@pytest.mark.ci
def test_a_page_has_all_figures(tmp_path, capsys):
    for name, date, ours in (("new", "2", 150.0), ("old", "1", 90.0)):
        (tmp_path / f"{name}.json").write_text(json.dumps(numbers(date, ours)))
    assert page.main([str(tmp_path / "new.json"), str(tmp_path / "old.json")]) == 0
    assert f"page: {tmp_path / 'new.html'}" in capsys.readouterr().out
    assert {path.stem for path in (tmp_path / "new").iterdir()} == {"peers", "shares", "roofline", "history"}
    text = (tmp_path / "new.html").read_text()
    assert "a processor, 2 cores" in text
    assert "not drawn" not in text
    names = {figure.name for figure in page.figures(numbers("2", 150.0))}
    assert names == {"peers", "shares", "roofline"}


def test_other_files_are_refused(tmp_path, capsys):
    (tmp_path / "other.json").write_text("{}")
    assert page.main([str(tmp_path / "other.json")]) == 2
    assert "holds no numbers" in capsys.readouterr().err
    assert page.main([]) == 2
    assert not (tmp_path / "other.html").exists()
