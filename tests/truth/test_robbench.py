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


def test_whole_files_have_no_notes_on_seeds(folder):
    assert load_truth(folder).seed_notes == ()
    assert load_truth(folder, seed=1).seed_notes == ()
    assert load_truth(folder, seed="threeseed").value(1000, "cifar10", "clean") == 0.73


def drop(*seeds, dataset="cifar10", index="1000", metrics=("val_pgd_8.0_acc",)):
    """An edit that removes seeds."""

    def edit(content):
        for metric in metrics:
            for seed in seeds:
                del content[dataset][index][metric][seed]

    return edit


def put(metric="val_pgd_8.0_acc", index="1000", **seeds):
    """An edit that sets seeds, `_0` for "0"."""

    def edit(content):
        content["cifar10"][index][metric] |= {seed.lstrip("_"): v for seed, v in seeds.items()}

    return edit


BESIDE = "have seeds without a number beside good ones"
DIFFERS = "have a threeseed that differs from the mean of their seeds by more than 0.001"
ALL_SEEDED = tuple(metric for metric in network(0.5) if metric != "autoattack")


@pytest.mark.parametrize(
    ("edits", "value", "notes"),
    [
        # The seeds are 0.2, 0.25 and 0.3.
        ([drop("0", "threeseed")], 0.275, ["lack seeds (1000 has 2 of 3)"]),
        ([drop("0", "1", "threeseed")], 0.3, ["lack seeds (1000 has 1 of 3)"]),
        ([drop("threeseed")], 0.25, []),
        ([drop("0", "1", "2")], 0.25, []),
        ([drop("0"), put(threeseed=0.275)], 0.275, ["lack seeds (1000 has 2 of 3)"]),
        ([drop("0")], 0.25, ["lack seeds (1000 has 2 of 3)", f"{DIFFERS} (1000)"]),
        ([put(_0=None), drop("threeseed")], 0.275, [f"{BESIDE} (1000)"]),
        ([put(_0=math.nan), drop("threeseed")], 0.275, [f"{BESIDE} (1000)"]),
        ([put(_0=-math.inf), drop("threeseed")], 0.275, [f"{BESIDE} (1000)"]),
        ([put(_0=None, threeseed=None)], 0.275, [f"{BESIDE} (1000)"]),
        ([put(threeseed=math.nan)], 0.25, [f"{BESIDE} (1000)"]),
        ([put(_0=None, threeseed=0.2752)], 0.2752, [f"{BESIDE} (1000)"]),
        ([put(_0=None, _1=None, _2=None, threeseed=None)], math.nan, []),
        ([put(_0=None, _1=None, _2=None)], 0.25, [f"{BESIDE} (1000)"]),
        ([put(threeseed=0.2508)], 0.2508, []),
        ([put(threeseed=0.2512)], 0.2512, [f"{DIFFERS} (1000)"]),
        ([put(threeseed=0.2488)], 0.2488, [f"{DIFFERS} (1000)"]),
        (
            [put(_1=None), drop("0", "threeseed")],
            0.3,
            ["lack seeds (1000 has 2 of 3)", f"{BESIDE} (1000)"],
        ),
    ],
)
def test_seeds_that_are_missing_or_not_numbers(folder, edits, value, notes):
    for edit in edits:
        path = change(folder, edit)
    truth = load_truth(path)
    known = truth.value(1000, "cifar10", "pgd_8")
    assert known == pytest.approx(value, nan_ok=True)
    assert truth.value(10, "cifar10", "pgd_8") == pytest.approx(0.25)
    expected = tuple(f"cifar10 pgd_8: 1 of 2 architectures {note}" for note in notes)
    assert truth.seed_notes == truth.notes[2:] == expected
    assert all(f"note: {note}\n" in truth.summary() for note in expected)


def test_an_architecture_without_any_seed(folder):
    truth = load_truth(change(folder, drop("0", "1", "2", "threeseed")))
    assert math.isnan(truth.value(1000, "cifar10", "pgd_8"))
    assert truth.seed_notes == ("cifar10 pgd_8: 1 of 2 architectures lack seeds (1000 has 0 of 3)",)
    assert "cifar10 pgd_8: no value: 1, e.g. architecture 1000" in truth.summary()


def test_notes_are_gathered_by_data_set(folder):
    for index in ("1000", "10"):
        change(folder, drop("2", "threeseed", index=index, metrics=ALL_SEEDED))
    change(folder, drop("1", "threeseed", dataset="imagenet", metrics=ALL_SEEDED[:2]))
    path = change(folder, drop("1", "threeseed", dataset="imagenet", metrics=ALL_SEEDED[3:4]))
    assert load_truth(path).seed_notes == (
        "cifar10: 2 of 2 architectures lack seeds (10 has 2 of 3, 1000 has 2 of 3)",
        "imagenet16 clean, fgsm_3, fgsm_8: 1 of 2 architectures lack seeds (1000 has 2 of 3)",
    )


def test_a_note_lists_a_few_architectures(folder):
    def edit(content):
        for index in range(100, 106):
            content["cifar10"][str(index)] = network(0.5)
            del content["cifar10"][str(index)]["val_acc"]["1"]
            content["cifar10"][str(index)]["val_acc"]["threeseed"] = 0.53

    truth = load_truth(change(folder, edit))
    some = "100 has 2 of 3, 101 has 2 of 3, 102 has 2 of 3, ..."
    assert truth.seed_notes == (f"cifar10 clean: 6 of 8 architectures lack seeds ({some})",)


def test_a_seed_that_some_architectures_lack(folder):
    change(folder, drop("1"))
    change(folder, put(metric="val_acc", _1=None))
    path = change(folder, drop("1", dataset="imagenet", metrics=ALL_SEEDED))
    change(folder, drop("1", dataset="imagenet", index="10", metrics=ALL_SEEDED))
    truth = load_truth(path, seed=1)
    assert truth.seed_notes == (
        "cifar10 clean, pgd_8: 1 of 2 architectures have no value for seed 1 (1000)",
        "imagenet16: 2 of 2 architectures have no value for seed 1 (10, 1000)",
    )
    assert math.isnan(truth.value(1000, "cifar10", "pgd_8"))
    assert truth.metrics("imagenet16") == ("autoattack",)
    assert load_truth(path, seed=2).seed_notes == ()


def test_a_file_without_seeds_refuses_one(folder):
    def edit(content):
        for entries in content.values():
            for index in entries:
                entries[index] = {"val_acc": 0.5}

    path = change(folder, edit)
    assert load_truth(path).seed_notes == ()
    with pytest.raises(InputError, match="expected a seed of .*: none; got '1'"):
        load_truth(path, seed=1)


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
