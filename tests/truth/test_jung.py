"""The released folder of Jung et al., in the structure that its own reader expects."""

import json

import pytest

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture
from ntknas.truth import load_truth

RADII = {
    "pgd@Linf": [0.1, 1.0, 8.0],
    "fgsm@Linf": [1.0, 255.0],
    "aa_apgd-ce@Linf": [1.0],
    "aa_square@Linf": [1.0],
}
KINDS = [
    "brightness",
    "contrast",
    "defocus_blur",
    "elastic_transform",
    "fog",
    "frost",
    "gaussian_noise",
    "glass_blur",
    "impulse_noise",
    "jpeg_compression",
    "motion_blur",
    "pixelate",
    "shot_noise",
    "snow",
    "zoom_blur",
]


def put(folder, dataset, key, values):
    place = folder / dataset
    place.mkdir(exist_ok=True)
    content = {dataset: {key: {"accuracy": values}}}
    (place / f"{key}_accuracy.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    ids = {13433: 13433, 10: 10, 1651: 10}
    entries = {
        str(index): {"nb201-string": Architecture.from_id(index).string, "isomorph": str(end)}
        for index, end in ids.items()
    }
    (tmp_path / "meta.json").write_text(json.dumps({"ids": entries, "epsilons": RADII}))
    for dataset in ("cifar10", "cifar100", "ImageNet16-120"):
        put(tmp_path, dataset, "clean", {"13433": 0.893, "10": 0.1})
        put(tmp_path, dataset, "pgd@Linf", {"13433": [0.85, 0.336, 0.0], "10": [0.1, 0.1, 0.1]})
        put(tmp_path, dataset, "fgsm@Linf", {"13433": [0.5, 0.05], "10": [0.1, 0.1]})
        put(tmp_path, dataset, "aa_apgd-ce@Linf", {"13433": [0.2], "10": [0.1]})
        put(tmp_path, dataset, "aa_square@Linf", {"13433": [0.6], "10": [0.1]})
    for dataset in ("cifar10", "cifar100"):
        for number, kind in enumerate(KINDS):
            low = number / 100
            put(tmp_path, dataset, kind, {"13433": [0.8 - low, 0.6 - low], "10": [0.1, 0.1]})
    return tmp_path


def test_radii_become_names(folder):
    truth = load_truth(folder)
    assert truth.benchmark == "Jung et al. 2023"
    assert truth.datasets == ("cifar10", "cifar100", "imagenet16")
    attacks = ("apgd_1", "square_1", "fgsm_1", "fgsm_255", "pgd_0.1", "pgd_1", "pgd_8")
    assert truth.metrics("imagenet16") == ("clean", *attacks)
    assert truth.metrics("cifar10") == (
        "clean",
        *attacks,
        "corruption",
        "corruption_1",
        "corruption_2",
    )
    assert truth.value(13433, "cifar10", "clean") == 0.893
    assert truth.value(13433, "cifar10", "pgd_1") == 0.336
    assert truth.value(1651, "imagenet16", "fgsm_255") == 0.1
    assert {anomaly.problem[:12] for anomaly in truth.anomalies()} == {"below chance"}


def test_corruptions_are_means_over_the_kinds(folder):
    truth = load_truth(folder)
    assert truth.value(13433, "cifar10", "corruption_1") == pytest.approx(0.8 - 0.07)
    assert truth.value(13433, "cifar10", "corruption_2") == pytest.approx(0.6 - 0.07)
    assert truth.value(13433, "cifar10", "corruption") == pytest.approx(0.7 - 0.07)
    assert truth.value(10, "cifar100", "corruption") == pytest.approx(0.1)


def test_what_was_not_downloaded_is_left_out(folder):
    for file in (folder / "cifar100").iterdir():
        file.unlink()
    (folder / "cifar10" / "snow_accuracy.json").unlink()
    (folder / "cifar10" / "pgd@Linf_accuracy.json").unlink()
    truth = load_truth(folder)
    assert truth.datasets == ("cifar10", "imagenet16")
    assert "pgd_1" not in truth.metrics("cifar10")
    assert truth.value(13433, "cifar10", "corruption_1") == pytest.approx(
        0.8 - sum(n / 100 for n in range(15) if KINDS[n] != "snow") / 14
    )
    assert "cifar10: corruption means leave out snow" in truth.summary()


def test_an_architecture_without_every_kind_has_no_mean(folder):
    put(folder, "cifar10", "fog", {"13433": [0.8, 0.6]})
    summary = load_truth(folder).summary()
    assert "cifar10 corruption: no value: 1, e.g. architecture 10" in summary


@pytest.mark.parametrize(
    ("key", "values", "words"),
    [
        ("clean", {"13433": [0.5, 0.4]}, "expected 1 values for architecture 13433"),
        ("clean", {"13433": "0.5"}, "expected numbers for architecture 13433"),
        ("clean", {"x": 0.5}, "got 'x'"),
        ("clean", [0.5], "expected accuracies under 'cifar10', 'clean'"),
        ("pgd@Linf", {"13433": [0.5]}, "expected 3 values for architecture 13433"),
        ("pgd@Linf", {"13433": [0.5, 0.4, {}]}, "expected numbers"),
        ("fog", {"13433": [0.5]}, "expected 2 values"),
        ("brightness", {"13433": []}, "expected 1 values for architecture 13433"),
    ],
)
def test_bad_files_are_refused_by_name(folder, key, values, words):
    put(folder, "cifar10", key, values)
    with pytest.raises(InputError, match=words) as caught:
        load_truth(folder)
    assert f"{key}_accuracy.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_structures_are_refused(folder):
    path = folder / "cifar10" / "clean_accuracy.json"
    path.write_text('{"cifar100": {}}')
    with pytest.raises(InputError, match="expected accuracies under 'cifar10', 'clean'"):
        load_truth(folder)
    path.write_text("<html>")
    with pytest.raises(InputError, match="web page"):
        load_truth(folder)


@pytest.mark.parametrize("epsilons", [None, {}, {"aa_apgd-ce@Linf": "1"}, {"pgd@Linf": ["x"]}])
def test_missing_radii_are_refused(folder, epsilons):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "epsilons": epsilons}))
    with pytest.raises(InputError, match="expected a list of radii under 'epsilons'"):
        load_truth(folder)


def test_a_missing_meta_or_empty_folders_are_refused(folder, tmp_path_factory):
    (folder / "meta.json").rename(folder / "meta.bak")
    with pytest.raises(InputError, match="expected meta.json in"):
        load_truth(folder)
    (folder / "meta.bak").rename(folder / "meta.json")
    for file in folder.glob("*/*_accuracy.json"):
        file.unlink()
    with pytest.raises(InputError, match="expected files such as cifar10/clean_accuracy.json"):
        load_truth(folder)
