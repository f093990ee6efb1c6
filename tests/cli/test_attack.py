"""`ntknas attack`: accuracies of a trained checkpoint, and every input that is refused."""

import json

import numpy as np
import pytest
import torch

from ntknas.attack import ATTACKS
from ntknas.cli.main import parse
from ntknas.images import CORRUPTIONS, corrupt, dataset_info, load_images
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training import SAMPLE_PARTS, split_images
from tests.attack.trained import logits_fn, trained

ARCH = "code:221421"
COUNT = 20


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "trained.pt"
    torch.save(trained("more_robust").state, path)
    return path


@pytest.fixture
def attack(ntknas, weights):
    """A function from options to the JSON result of a few images."""

    def command(*options):
        argv = ("--torch-weights", weights, "--arch", ARCH, "--count", COUNT, "--batch-size", COUNT)
        status, out, err = ntknas("attack", *argv, "--json", *options)
        assert status == 0, err
        return json.loads(out)

    return command


@pytest.mark.slow
def test_the_library_says_the_same(attack, weights, tmp_path):
    sample = load_images()
    folder = tmp_path / "corrupted"
    folder.mkdir()
    rows = [corrupt(sample.pixels[:COUNT], "fog", s, seed=3) for s in range(1, 6)]
    np.save(folder / "fog.npy", np.concatenate(rows))
    np.save(folder / "labels.npy", np.tile(sample.labels[:COUNT], 5))

    options = ("--attack", "fgsm,pgd", "--steps", "2", "--rho", "4/255", "--seed", "3")
    corruptions = ("--corruptions", "fog", "--severity", "1,5")
    found = attack(*options, *corruptions)
    network = trained("more_robust")

    def right(pixels):
        logits = np.asarray(logits_fn(network)(np.float32(pixels / 255)))
        return int((logits.argmax(1) == sample.labels[:COUNT]).sum())

    tests = [row["test"] for row in found["results"]]
    assert tests == ["clean", "fgsm", "pgd", "every attack", "fog", "fog"]
    clean, fgsm, pgd, every, *fog = found["results"]
    assert clean["correct"] == right(sample.pixels[:COUNT]) > 0
    assert clean["low"] < clean["accuracy"] == clean["correct"] / COUNT < clean["high"]
    for row in (fgsm, pgd):
        assert row["correct"] + row["broken"][row["test"]] == clean["correct"]
        assert row["rho"] == 4 / 255
    assert every["correct"] <= min(fgsm["correct"], pgd["correct"])
    assert fgsm["spec"] == {"name": "fgsm", "ball": "linf"}
    assert pgd["spec"]["steps"] == 2
    assert [row["severity"] for row in fog] == [1, 5]
    assert [row["correct"] for row in fog] == [right(rows[0]), right(rows[4])]
    assert found["normaliser"] == "of cifar10"
    assert found["images"]["source"] == "embedded sample"
    # Files of CIFAR-10-C's form, with the same images, say the same.
    read = attack(*corruptions, "--corrupted-data", folder)["results"]
    assert [r["correct"] for r in read[1:]] == [r["correct"] for r in fog]


def test_a_table_into_a_file_and_progress_on_stderr(ntknas, weights, tmp_path):
    argv = ("--torch-weights", weights, "--arch", ARCH, "--count", COUNT, "--batch-size", COUNT)
    out = tmp_path / "table.txt"
    options = ("--attack", "fgsm", "--rho", "4/255", "--out", out)
    status, printed, err = ntknas("attack", *argv, *options)
    assert status == 0, err
    assert printed == f"result: {out}\n"
    assert "mean and std of cifar10" in err
    assert f"{COUNT} cifar10 images (embedded sample)" in err
    assert " done, fgsm" in err
    head, _, *lines = out.read_text().splitlines()
    assert head.split("|")[0].strip() == "test"
    assert [line.split()[0] for line in lines] == ["clean", "fgsm"]


def test_classes_a_picture_and_a_state(attack, ntknas, weights, tmp_path):
    picture, state = tmp_path / "examples.png", tmp_path / "state.npz"
    options = ("--attack", "fgsm", "--rho", "4/255", "--state", state)
    found = attack(*options, "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    clean = [row for row in found["classes"] if row["test"] == "clean"]
    labels = load_images().labels[:COUNT]
    assert {row["class"]: row["n"] for row in clean} == {
        dataset_info("cifar10").class_name(int(label)): int((labels == label).sum())
        for label in np.unique(labels)
    }
    assert sum(row["correct"] for row in clean) == found["results"][0]["correct"]

    argv = ("--torch-weights", weights, "--arch", ARCH, "--count", COUNT, "--batch-size", COUNT)
    status, out, err = ntknas("attack", *argv, *options, "--per-class")
    assert status == 0, err
    assert "done, fgsm" not in err  # the state has it
    assert "Accuracy by class:" in out
    assert "automobile" in out
    other = (*options[:2], "--rho", "5/255", "--state", state)
    status, out, err = ntknas("attack", *argv, *other)
    assert (status, out) == (2, "")
    assert "other settings (there / here): rho" in err


@pytest.mark.slow
def test_autoattack_and_the_checklist(attack, weights):
    found = attack("--attack", "autoattack", "--steps", "5", "--queries", "100", "--checklist")
    row = found["results"][1]
    assert list(row["broken"]) == ["apgd-ce", "apgd-t", "fab-t", "square"]
    assert sum(row["broken"].values()) == found["results"][0]["correct"] - row["correct"]
    assert len(found["checklist"]["criteria"]) == 8
    surrogate = ("--surrogate-weights", weights, "--surrogate-arch", ARCH)
    options = ("--checklist", "--steps", "5", "--queries", "50")
    found = attack(*options, *surrogate)["checklist"]
    assert found["criteria"][2]["passed"] is True


def test_help_names_every_attack_and_corruption(capsys):
    with pytest.raises(SystemExit):
        parse(["ntknas", "attack", "--help"])
    text = capsys.readouterr().out
    for name in [*ATTACKS, *CORRUPTIONS]:
        assert name in text


def test_settings_go_to_the_attacks_that_read_them():
    from ntknas.cli.attack_options import specs_of

    def specs_and_radius(*options):
        argv = ("--torch-weights", "x", "--arch", "0", *options)
        return specs_of(parse(["ntknas", "attack", *argv]))

    def specs(*options):
        return specs_and_radius(*options)[0]

    assert [spec.name for spec in specs()] == ["pgd"]
    assert specs("--checklist") == specs("--corruptions", "all") == []
    pgd, square = specs("--attack", "pgd,square", "--steps", "7", "--queries", "9")
    assert (pgd.steps, square.steps) == (7, 9)
    apgd, fgsm = specs("--attack", "apgd-ce,fgsm", "--restarts", "3", "--ball", "l2")
    assert (apgd.restarts, apgd.ball, apgd.steps, fgsm.ball) == (3, "l2", 100, "l2")
    (auto,) = specs("--attack", "autoattack", "--steps", "10")
    assert [c.steps for c in auto.components] == [10, 10, 10, 500]
    assert specs("--checklist", "--steps", "3", "--queries", "4") == []
    assert [spec.name for spec in specs("--attack", "fgsm,pgd,fgsm")] == ["fgsm", "pgd"]
    assert specs_and_radius()[1] == 8 / 255
    assert specs_and_radius("--ball", "l2")[1] == 128 / 255
    assert specs_and_radius("--ball", "l2", "--rho", "2")[1] == 2


def test_a_checkpoint_is_not_tested_on_the_sample_that_it_was_trained_on():
    from ntknas.cli.attack import _images
    from ntknas.cli.trained import TrainedNetwork

    network = TrainedNetwork(Architecture.from_id(0), "", "", 10, None, None, None)

    def indices(*options):
        args = parse(["ntknas", "attack", *options])
        return set(_images(args, network).indices.tolist())

    training, test = split_images(load_images(), *SAMPLE_PARTS)
    assert indices("--checkpoint", "x") == set(test.indices.tolist())
    assert not indices("--checkpoint", "x") & set(training.indices.tolist())
    assert len(indices("--torch-weights", "x", "--arch", "0")) == 320


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--attack", "cw"), "expected attack to be one of pgd, fgsm"),
        (("--attack", ","), "as attacks, got none"),
        (("--rho", "8"), "rho must lie in [0, 1]"),
        (("--ball", "l1"), "l1"),
        (("--attack", "square", "--ball", "l2"), "square has the ball linf only"),
        (("--attack", "autoattack", "--ball", "l2"), "autoattack has the ball linf only"),
        (("--checklist", "--ball", "l2"), "the checklist has the ball linf only"),
        (("--attack", "fgsm", "--steps", "3"), "--steps is a setting of none of the attacks: fgsm"),
        (("--attack", "pgd", "--queries", "3"), "--queries is a setting of none"),
        (("--attack", "apgd-ce", "--step-size", "0.1"), "--step-size is a setting of none"),
        (("--corruptions", "fog", "--steps", "3"), "--steps belongs to attacks, got none"),
        (("--corruptions", "fog", "--plot", "x.png"), "--plot belongs to attacks, got none"),
        (("--checklist", "--state", "x.npz"), "--state belongs to attacks, got none"),
        (("--plot", "x.jpg"), "ending in .png, .svg or .pdf"),
        (("--state", "no-such-folder/x.npz"), "no-such-folder"),
        (("--best",), "--best belongs to --checkpoint"),
        (("--corruptions", "fog", "--severity", ","), "severities from 1 to 5, got none"),
        (("--attack", "pgd", "--steps", "0"), "steps must be at least 1"),
        (("--corruptions", "rain"), "expected corruption to be one of"),
        (("--corruptions", "fog", "--severity", "6"), "severities from 1 to 5, got 6"),
        (("--corruptions", "fog", "--severity", "high"), "--severity"),
        (("--severity", "1"), "--severity belongs to --corruptions"),
        (("--corrupted-data", "x"), "--corrupted-data belongs to --corruptions"),
        (("--checklist", "--surrogate-weights", "x"), "together"),
        (("--surrogate-checkpoint", "x"), "--surrogate-checkpoint belongs to --checklist"),
        (("--surrogate-weights", "x", "--surrogate-arch", "0"), "belongs to --checklist"),
        (("--count", "0"), "expected --count from 1 to 320, got 0"),
        (("--count", "321"), "expected --count from 1 to 320, got 321"),
        (("--batch-size", "0"), "--batch-size must be at least 1"),
        (("--split", "test"), "no cifar10 test images are embedded"),
        (("--dataset", "cifar100"), "data set of the checkpoint's 10 classes, got cifar100"),
        (("--data", "no-such-file"), "no-such-file"),
        (("--out", "no-such-folder/x.json"), "no-such-folder"),
        (("--corruptions", "fog", "--corrupted-data", "no-such"), "no such file: no-such/fog.npy"),
    ],
)
def test_bad_settings(refused, weights, options, complaint):
    argv = ("attack", "--torch-weights", weights, "--arch", ARCH)
    assert complaint in refused(*argv, *options)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--arch", "0"), "state_dict does not fit"),
        (("--arch", "0,1"), "expected one architecture, got 2"),
        (("--arch", "banana"), "banana"),
        (("--arch", ARCH, "--checkpoint-seed", "1"), "without, and seed 1"),
    ],
)
def test_other_architectures(refused, weights, options, complaint):
    assert complaint in refused("attack", "--torch-weights", weights, *options)


def test_other_files(refused, tmp_path):
    argv = ("attack", "--arch", "0", "--torch-weights")
    assert "no checkpoint at" in refused(*argv, tmp_path / "none.pt")
    (tmp_path / "html.pt").write_text("<html>")
    assert "is not a readable PyTorch checkpoint" in refused(*argv, tmp_path / "html.pt")
