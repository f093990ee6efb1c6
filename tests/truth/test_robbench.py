"""The released NAS-RobBench-201, in the structure that its own reader expects."""

import json
import math

import pytest

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture
from ntknas.truth import load_truth


def seeds(*values):
    return {
        **{str(seed): value for seed, value in enumerate(values)},
        "threeseed": sum(values) / len(values),
    }


def network(clean):
    return {
        "val_acc": seeds(clean, clean + 0.03, clean + 0.06),
        "val_fgsm_3.0_acc": seeds(0.5, 0.6729999780654907, 0.7),
        "val_pgd_3.0_acc": seeds(0.4, 0.6680999994277954, 0.6),
        "val_fgsm_8.0_acc": seeds(0.3, 0.35, 0.4),
        "val_pgd_8.0_acc": seeds(0.2, 0.25, 0.3),
        "autoattack": 0.15,
    }


@pytest.fixture
def folder(tmp_path):
    content = {
        dataset: {"1000": network(0.7), "10": network(0.1)}
        for dataset in ("cifar10", "cifar100", "imagenet")
    }
    (tmp_path / "NAS-RobBench-201_all.json").write_text(json.dumps(content))
    ids = {1000: 1000, 10: 10, 1651: 10}
    entries = {
        str(index): {"nb201-string": Architecture.from_id(index).string, "isomorph": str(end)}
        for index, end in ids.items()
    }
    (tmp_path / "meta.json").write_text(json.dumps({"ids": entries}))
    return tmp_path


def test_the_mean_of_the_seeds_is_the_default(folder):
    truth = load_truth(folder / "NAS-RobBench-201_all.json")
    assert truth.benchmark == "NAS-RobBench-201"
    assert truth.datasets == ("cifar10", "cifar100", "imagenet16")
    assert truth.metrics("cifar10") == (
        "clean",
        "fgsm_3",
        "pgd_3",
        "fgsm_8",
        "pgd_8",
        "autoattack",
    )
    assert truth.value(1000, "cifar10", "clean") == pytest.approx(0.73)
    assert truth.value(1651, "imagenet16", "autoattack") == 0.15
    assert "the mean of the seeds" in truth.summary()
    assert "meta.json" in truth.summary()


def test_the_folder_will_do(folder):
    assert load_truth(folder).value(1000, "cifar10", "clean") == pytest.approx(0.73)


@pytest.mark.parametrize("seed", [1, "1"])
def test_one_seed(folder, seed):
    """The example of the benchmark's documentation: id 1000, seed 1."""
    truth = load_truth(folder, seed=seed)
    assert truth.value(1000, "cifar10", "fgsm_3") == 0.6729999780654907
    assert truth.value(1000, "cifar10", "pgd_3") == 0.6680999994277954
    assert truth.value(1000, "cifar10", "autoattack") == 0.15
    assert "seed 1" in truth.summary()


def test_an_unknown_seed_is_refused(folder):
    with pytest.raises(InputError, match="0, 1, 2, threeseed; got '7'"):
        load_truth(folder, seed=7)


def test_without_meta_the_isomorphs_are_the_search_spaces(folder):
    (folder / "meta.json").unlink()
    truth = load_truth(folder)
    assert truth.value(1651, "cifar10", "autoattack") == 0.15
    assert sum(end == 10 for end in truth.representative_of.values()) == 225
    assert "no meta.json" in truth.summary()


def change(folder, edit):
    path = folder / "NAS-RobBench-201_all.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return path


def test_without_the_mean_it_is_computed(folder):
    path = change(folder, lambda c: c["cifar10"]["1000"]["val_acc"].pop("threeseed"))
    assert load_truth(path).value(1000, "cifar10", "clean") == pytest.approx(0.73)


def test_what_is_not_there_has_no_row(folder):
    def edit(content):
        del content["cifar10"]["1000"]["val_acc"]
        content["cifar10"]["1000"]["autoattack"] = None
        del content["cifar10"]["10"]["val_pgd_8.0_acc"]["1"]
        content["cifar10"]["10"]["val_fgsm_8.0_acc"] = {}

    truth = load_truth(change(folder, edit), seed=1)
    assert math.isnan(truth.value(1000, "cifar10", "clean"))
    summary = truth.summary()
    for line in (
        "cifar10 clean: no value: 1, e.g. architecture 1000",
        "cifar10 pgd_8: no value: 1, e.g. architecture 10",
        "cifar10 fgsm_8: no value: 1, e.g. architecture 10",
        "cifar10 autoattack: not a number: 1, e.g. architecture 1000",
    ):
        assert line in summary


def test_a_reference_to_an_architecture_without_values_is_an_anomaly(folder):
    def edit(content):
        for entries in content.values():
            del entries["10"]

    summary = load_truth(change(folder, edit)).summary()
    assert "isomorphs: refer to an architecture without values: 2, e.g. architecture 10" in summary


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda c: c["cifar10"].update({"20000": {}}), "got 20000"),
        (lambda c: c["cifar10"]["10"].update(flops=3), "unknown metric .* known: val_acc"),
        (lambda c: c["cifar10"]["10"].update(autoattack="0.1"), "expected a number .* got '0.1'"),
        (lambda c: c["cifar10"]["10"].update(val_acc={"0": [1]}), "seed 0, got"),
        (lambda c: c.clear(), "an empty object"),
        (lambda c: [entries.clear() for entries in c.values()], "expected accuracies"),
    ],
)
def test_bad_content_is_refused(folder, edit, words):
    with pytest.raises(InputError, match=words) as caught:
        load_truth(change(folder, edit))
    assert "\n" not in str(caught.value)


def test_a_bad_meta_is_refused(folder):
    (folder / "meta.json").write_text("{}")
    with pytest.raises(InputError, match="'ids'"):
        load_truth(folder)
