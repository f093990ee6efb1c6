"""What notebooks show: names are escaped, and the facts are those of the object."""

import ntknas
from ntknas.network import Init
from ntknas.notebook import html_facts
from ntknas.spaces import NASBENCH201
from tests.evaluation.made_up import make_run


def test_names_are_escaped():
    html = html_facts("<t>", [("<n>", "<v>")], drawing="<svg></svg>")
    assert html.count("&lt;") == 3
    assert "<svg></svg>" in html


def test_cells_are_drawn_and_named():
    html = ntknas.Architecture.from_code("303401")._repr_html_()
    assert html.count("<path") == 4
    assert "architecture 6387" in html
    assert "3 cells, its representative" in html
    constant = ntknas.Architecture.from_id(10)._repr_html_()
    assert "never depends on the input" in constant


def test_runs_kernels_and_accuracies(tmp_path):
    run = make_run(tmp_path / "<run>", NASBENCH201.parse("0,5"))
    html = run._repr_html_()
    assert "run " in html
    assert "&lt;run&gt;" in html
    assert "2 of nasbench201" in html
    assert "3/255, 8/255" in html
    kernels = run.kernels(5, rho=8 / 255)
    scores, _ = ntknas.kernel_scores(kernels.clean[None], run.labels(), epsilon=1e-7)
    lowest = f"{scores['lambda_min'][0]:.3g}"
    assert f"eigenvalues {lowest}" in kernels._repr_html_()
    table = ntknas.evaluation.score_table(run)
    assert repr(table).endswith(f"2 architectures, {table.frame.shape[1]} scores)")
    frame = run.scores()[["params"]]
    truth = ntknas.truth_from_frame(frame, name="<own>")
    assert "<strong>&lt;own&gt;</strong>" in truth._repr_html_()
    assert f"best: {frame['params'].idxmax()}" in truth._repr_html_()
    assert repr(truth) == "Truth('<own>', 'the frame', 2 architectures; any: params)"


def test_settings_show_what_differs_from_the_defaults():
    assert repr(ntknas.ScoringSpec()) == "ScoringSpec()"
    spec = ntknas.ScoringSpec(
        batch_size=8,
        rhos=(0.25,),
        attack=ntknas.AttackSpec(steps=3),
        network=ntknas.NetworkSpec(channels=4, init=Init.KAIMING),
    )
    assert repr(spec) == (
        "ScoringSpec(batch_size=8, network=NetworkSpec(channels=4, init='kaiming'), "
        "attack=AttackSpec(steps=3), rhos=(0.25,))"
    )
    assert repr(ntknas.AttackSpec("apgd-ce", restarts=2)) == (
        "AttackSpec(name='apgd-ce', steps=100, restarts=2)"
    )


def test_the_table_in_the_package():
    table = ntknas.load_precomputed()
    assert repr(table) == f"Precomputed(6466 architectures, {table.scores().shape[1]} scores)"
    html = table._repr_html_()
    assert "6,466 of nasbench201" in html
    assert "sphericity@clean" in html
