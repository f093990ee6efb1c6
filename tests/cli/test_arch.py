"""`ntknas arch`."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ntknas.kernel import Batch
from ntknas.network import NetworkSpec
from ntknas.runs import Run, ScoringSpec, load_precomputed
from ntknas.spaces import NASBENCH201, NetworkTable
from tests.evaluation.made_up import make_run

CIFAR100_RUN = Path(__file__).parents[1] / "golden" / "version_0_1_0" / "cifar100"
OWN = NetworkTable({f"net_{i}": (lambda params, images: images, None) for i in range(3)})


def test_all_names_of_one_architecture(ntknas):
    status, out, err = ntknas("arch", "code:303401", "--channels", "8", "--cells", "2")
    assert (status, err) == (0, "")
    for text in ("6387", "303401", "class           3 ", "(itself)", "2 convolutions", "--> 3"):
        assert text in out
    assert "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|skip_connect~2|" in out


def test_every_name_is_shown_and_accepted(ntknas):
    _, out, _ = ntknas("arch", "0")
    assert "op codes        code:421211" in out
    assert "NASLib          (4, 3, 3, 0, 0, 0)" in out
    lines = dict(line.split(maxsplit=1) for line in out.splitlines()[:2])
    for name in (lines["string"], "code:421211", "(4, 3, 3, 0, 0, 0)", "000000"):
        assert ntknas("arch", name)[1] == out


def test_size_follows_the_network(ntknas):
    _, out, _ = ntknas("arch", "code:333333")
    assert "1,531,546" in out
    assert "220,119,690" in out


def test_constant_network(ntknas):
    _, out, _ = ntknas("arch", "1651")
    assert "represented by  10" in out
    assert "does not depend on the input" in out


def test_scores_and_accuracies(ntknas, finished, truth):
    held = Run(finished).ids[0]
    status, out, _ = ntknas("arch", f"{held},10", "--run", finished, "--truth", truth)
    assert status == 0
    assert "mixed_robust" in out
    assert "pgd_8" in out
    assert f"not in the run in {finished}" in out
    assert f"not in {truth}" in out


@pytest.mark.parametrize("spec", ["all", "random:21", "banana", "15625", "|nor_conv_3x3~0|"])
def test_bad_specs(refused, spec):
    refused("arch", spec)


def test_seeds_of_the_truth(ntknas, refused, finished, texts, seeds_truth, tmp_path):
    first = Run(finished).ids[0]
    shown = {}
    for seed in ("0", "1"):
        argv = ("arch", str(first), "--truth", seeds_truth, "--truth-seed", seed)
        status, shown[seed], _ = ntknas(*argv)
        assert status == 0
    assert shown["0"] != shown["1"]
    assert "--truth FILE, which is missing" in refused("arch", "5", "--truth-seed", "1")
    path = tmp_path / "texts.csv"
    path.write_text("architecture,seed,robust\nnet_00,a,0.25\nnet_00,b,0.75\n")
    argv = ("arch", "net_00", "--run", texts, "--truth", path)
    assert " 0.5000" in ntknas(*argv)[1]
    assert " 0.7500" in ntknas(*argv, "--truth-seed", "b")[1]


def test_source_for_pytorch(ntknas, refused, texts, tmp_path):
    file = tmp_path / "cell.py"
    status, _, err = ntknas("arch", "code:303401", "--channels", "8", "--torch-code", file)
    assert status == 0
    assert f"PyTorch source: {file}" in err
    names: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), names)
    assert names["network"]()[1].stem[0].weight.shape[0] == 8
    file.unlink()
    assert "one architecture, got 2" in refused("arch", "5,6", "--torch-code", file)
    assert "ending in .py" in refused("arch", "5", "--torch-code", tmp_path / "cell.pt")
    argv = ("arch", "net_00", "--run", texts, "--torch-code", file)
    assert "belongs to NAS-Bench-201" in refused(*argv)
    assert not file.exists()


def test_scores_of_the_table_in_the_package(ntknas, refused):
    status, out, _ = ntknas("arch", "9930", "--precomputed")
    assert status == 0
    assert "Scores of the precomputed table (ranks among 6,466, 1 is best):" in out
    scores = load_precomputed().scores()
    column = scores["cond@clean"]
    found = re.search(r"cond@clean +\| +(\S+) \| +(\d+)", out)
    assert found
    assert float(found[1]) == pytest.approx(column[9930], rel=1e-3)
    assert int(found[2]) == (column < column[9930]).sum() + 1
    every = ntknas("arch", "9930", "--precomputed", "--all-scores")[1]
    assert every.count("@clean") == sum("@clean" in str(name) for name in scores)
    assert "--run DIR or --precomputed" in refused("arch", "5", "--all-scores")


def test_network_and_scores_of_the_run(ntknas, finished):
    run = Run(finished)
    label = run.ids[0]
    status, out, _ = ntknas("arch", label, "--run", finished, "--all-scores")
    assert status == 0
    assert "(4 channels, 1 cells per stage, 10 classes)" in out
    assert all(f" {name} " in out for name in run.scores())
    assert "ranks among 12" in out
    assert "(16 channels" in ntknas("arch", label, "--run", finished, "--channels", "16")[1]
    constant = ntknas("arch", "10", "--run", finished, "--all-scores")[1]
    assert f"not in {finished}" in constant


def kernels_shown(out):
    """The cells of the first column of the table that ends a description."""
    rows = [line.split("|") for line in out.splitlines() if "|" in line and "~" not in line]
    return [row[0].strip() for row in rows[1:]]


@pytest.mark.parametrize("space", [NASBENCH201, OWN], ids=["nasbench201", "networks"])
def test_parts_of_kernels_are_shown_by_name_among_all_scores(ntknas, tmp_path, space):
    spec = ScoringSpec(batch_size=6, seeds=2, batches=(Batch.CLEAN,), parts="groups")
    counts = None
    if space is OWN:
        spec = replace(spec, space="networks", network=None, coupled=False, attack_norm=None)
        counts = {network.id: {"params": 5.0} for network in OWN.parse("all")}
    run = make_run(tmp_path / "run", space.sample(3, 0), spec, counts=counts)
    command = ("arch", run.ids[0], "--run", run.folder)
    status, out, _ = ntknas(*command)
    assert status == 0
    whole = run.table().query("id == @run.ids[0] and part == ''")
    assert kernels_shown(out) == list(whole["kernel"])
    status, out, _ = ntknas(*command, "--all-scores")
    assert status == 0
    assert "lambda_min@clean.stem" in kernels_shown(out)
    assert set(kernels_shown(out)) == set(run.scores())


def test_the_source_for_pytorch_has_the_network_of_the_run(ntknas, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(CIFAR100_RUN, folder)
    network = Run(folder).spec.cell_network
    assert network.mean != NetworkSpec().mean
    file = tmp_path / "cell.py"
    for options, expected in (
        ((), network),
        (("--classes", "7"), replace(network, classes=7)),
    ):
        status, _, _ = ntknas("arch", "5", "--run", folder, *options, "--torch-code", file)
        assert status == 0
        names: dict = {}
        exec(compile(file.read_text(), str(file), "exec"), names)
        normaliser, written = names["network"]()
        assert normaliser.mean.flatten().tolist() == pytest.approx(expected.mean)
        assert normaliser.std.flatten().tolist() == pytest.approx(expected.std)
        assert written.classifier.out_features == expected.classes
        assert written.stem[0].out_channels == expected.channels


def test_operations_are_those_of_the_runs_images(ntknas, tmp_path):
    spec = ScoringSpec(batch_size=6, network=NetworkSpec(image_size=16), batches=(Batch.CLEAN,))
    cells = NASBENCH201.parse("code:333333")
    run = make_run(tmp_path / "run", cells, spec)
    out = ntknas("arch", "code:333333", "--run", run.folder)[1]
    assert f"{NASBENCH201.counts(cells[0], spec.sizes)['flops']:,.0f} multiply" in out
    assert "(16 x 16 image)" in out


def test_a_drawing(ntknas, refused, texts, tmp_path):
    file = tmp_path / "cell.svg"
    status, _, err = ntknas("arch", "9930", "--svg", file)
    assert (status, err) == (0, f"drawing: {file}\n")
    root = ElementTree.fromstring(file.read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall("{*}path")) == 6
    assert "currentColor" not in file.read_text()
    assert "ending in .svg" in refused("arch", "9930", "--svg", tmp_path / "cell.png")
    assert "one architecture, got 2" in refused("arch", "5,6", "--svg", file)
    assert "--svg belongs to NAS-Bench-201" in refused(
        "arch", "net_00", "--run", texts, "--svg", file
    )
