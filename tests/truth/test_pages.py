"""The project page's tables: made ones and the published ones."""

import json
from functools import cache

import pytest
from scipy.stats import spearmanr

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture, architectures, num_parameters
from ntknas.truth import load_truth

METRICS = ["val_acc", "val_fgsm_3_acc", "val_pgd_3_acc", "val_fgsm_8_acc", "val_pgd_8_acc"]
LABELS = [
    f"{dataset}#{metric}"
    for dataset in ("cifar10", "cifar100", "imagenet")
    for metric in [*METRICS, "autoattack"]
]
ROW = [0.8, 0.7, 0.6, 0.5, 0.4, 0.3] * 3


def write(path, content):
    path.write_text("acc=" + json.dumps(content))
    return path


def test_a_small_page(tmp_path):
    content = {"10": [0.1] * 18, "1651": "10", "": LABELS, "0": ROW, "7824": 1651}
    truth = load_truth(write(tmp_path / "a.json", content))
    assert truth.benchmark == "NAS-RobBench-201"
    assert truth.datasets == ("cifar10", "cifar100", "imagenet16")
    assert truth.metrics("imagenet16") == (
        "clean",
        "fgsm_3",
        "pgd_3",
        "fgsm_8",
        "pgd_8",
        "autoattack",
    )
    assert truth.representative_of == {0: 0, 10: 10, 1651: 10, 7824: 10}
    assert truth.value(0, "imagenet16", "fgsm_8") == 0.5
    assert truth.value(7824, "cifar100", "autoattack") == 0.1
    assert "not a file of known sha256" in truth.summary()


def test_null_is_nan(tmp_path):
    truth = load_truth(write(tmp_path / "a.json", {"0": [None, *ROW[1:]], "": LABELS}))
    assert truth.table["value"].isna().sum() == 1
    assert "not a number: 1" in truth.summary()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"": LABELS}, "got none"),
        ({"": [], "0": []}, "list of column labels"),
        ({"": "cifar10#clean", "0": [0.5]}, "list of column labels"),
        ({"": ["cifar10#flops"], "0": [0.5]}, "'cifar10#flops'"),
        ({"": ["svhn#clean"], "0": [0.5]}, "'svhn#clean'"),
        ({"": ["cifar10#clean"] * 2, "0": [0.5, 0.5]}, "each column once"),
        ({"": ["cifar10#clean", "cifar10#val_acc"], "0": [0.5, 0.5]}, "expected the labels"),
        ({"": LABELS, "0": ROW[:17]}, "expected 18 columns for architecture 0"),
        ({"": LABELS, "0": ["0.5", *ROW[1:]]}, "architecture 0, cifar10#val_acc"),
        ({"": LABELS, "0": [*ROW[:17], True]}, "architecture 0, imagenet#autoattack"),
        ({"": LABELS, "0": [[0.5], *ROW[1:]]}, "expected a number"),
        ({"": LABELS, "0": ROW, "1": "2"}, "architecture 1 in .* refers to 2, which is missing"),
        ({"": LABELS, "0": ROW, "1": "2", "2": "1"}, "circle"),
        ({"": LABELS, "0": ROW, "1": {}}, r"architecture id in .*architecture 1.*got \{\}"),
        ({"": LABELS, "x": ROW}, "got 'x'"),
        ({"": LABELS, "15625": ROW}, "got 15625"),
    ],
)
def test_bad_pages_are_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(InputError, match=words) as caught:
        load_truth(write(tmp_path / "a.json", content))
    assert "\n" not in str(caught.value)


load_once = cache(load_truth)


@pytest.fixture
def robbench(data_file):
    return load_once(data_file("robbench/NAS-RobBench-201_html.json"))


@pytest.fixture
def jung(data_file):
    return load_once(data_file("robbench/acc.json"))


def test_the_published_maps_are_the_search_spaces(robbench, jung):
    for truth in (robbench, jung):
        assert truth.table["architecture"].nunique() == 6466
        assert sum(index != end for index, end in truth.representative_of.items()) == 9159
        assert all(
            Architecture.from_id(index).representative.id == end
            for index, end in truth.representative_of.items()
        )


# Mean, maximum and its architecture, from the data set's description.
PUBLISHED = {
    "cifar10": [
        (0.6776, 0.7956, 9930),
        (0.5880, 0.6973, 13714),
        (0.5846, 0.6924, 9930),
        (0.4408, 0.5351, 2581),
        (0.4075, 0.4811, 2581),
        (0.3665, 0.4438, 9930),
    ],
    "cifar100": [
        (0.3741, 0.5046, 9930),
        (0.3019, 0.4058, 2581),
        (0.3002, 0.4024, 2581),
        (0.2049, 0.2714, 2581),
        (0.1922, 0.2467, 13714),
        (0.1555, 0.2093, 9930),
    ],
    "imagenet16": [
        (0.1041, 0.1616, 2581),
        (0.0847, 0.1251, 9930),
        (0.0845, 0.1248, 9930),
        (0.0580, 0.0803, 9930),
        (0.0562, 0.0745, 6111),
        (0.0338, 0.0462, 13714),
    ],
}


def test_published_means_and_maxima(robbench):
    for dataset, rows in PUBLISHED.items():
        wide = robbench.wide(dataset)
        for (mean, maximum, best), (_, column) in zip(rows, wide.items(), strict=True):
            assert column.mean() == pytest.approx(mean, abs=5.1e-5)
            assert column.max() == pytest.approx(maximum, abs=5.1e-5)
            assert column.idxmax() == best


def test_published_rows(robbench, jung):
    row = [robbench.value(1000, "cifar10", metric) for metric in ("clean", "fgsm_3", "pgd_3")]
    assert row == pytest.approx([0.76837, 0.67160, 0.66630], abs=5.1e-6)
    assert jung.value(13433, "cifar10", "clean") == 0.893
    assert jung.value(13433, "cifar10", "pgd") == 0.336
    constant = Architecture.from_code("000000")
    assert robbench.value(constant, "imagenet16", "pgd_8") == pytest.approx(1 / 120, abs=1e-7)


def test_the_page_of_jung_et_al(jung):
    assert jung.benchmark == "Jung et al. 2023"
    assert jung.metrics("cifar100") == ("clean", "apgd", "square", "fgsm", "pgd", "corruption")
    assert jung.metrics("imagenet16") == ("clean", "apgd", "square", "fgsm", "pgd")
    assert (jung.wide("imagenet16")["apgd"] == 0).sum() == 2179
    assert "1/255" in jung.summary()


def test_anomalies_of_the_published_table(robbench):
    found = {(a.place, a.problem): a for a in robbench.anomalies()}
    below = found["cifar10 autoattack", "below chance (0.1)"]
    assert (below.count, below.worst) == (1, 7624)
    assert found["whole rows", "identical to another row"].count == 5
    # Counted with a tolerance of 1e-6: equal fractions differ by their float32 rounding.
    assert [
        found[f"{dataset} pgd_{rho}", f"above fgsm_{rho}"].count
        for dataset in ("cifar10", "cifar100", "imagenet16")
        for rho in (3, 8)
    ] == [73, 5, 40, 7, 1267, 162]
    assert len(found) == 8
    assert "equals the published NAS-RobBench-201_html.json" in robbench.summary()


def test_rank_correlations_of_the_published_table(robbench):
    wide = robbench.wide("cifar10")
    pgd = wide["pgd_8"]
    assert spearmanr(wide["fgsm_8"], pgd)[0] == pytest.approx(0.998, abs=5e-4)
    assert spearmanr(wide["clean"], pgd)[0] == pytest.approx(0.985, abs=5e-4)
    assert spearmanr(robbench.wide("cifar100")["pgd_8"], pgd)[0] == pytest.approx(0.988, abs=5e-4)
    assert spearmanr(robbench.wide("imagenet16")["pgd_8"], pgd)[0] == pytest.approx(0.863, abs=5e-4)


def test_parameters_rank_the_published_accuracies(robbench):
    wide = robbench.wide("cifar10")
    sizes = [num_parameters(Architecture.from_id(index)) for index in wide.index]
    assert [cell.id for cell in architectures("all")] == wide.index.tolist()
    correlations = {metric: spearmanr(sizes, column)[0] for metric, column in wide.items()}
    assert correlations == pytest.approx(
        {
            "clean": 0.778,
            "fgsm_3": 0.795,
            "pgd_3": 0.797,
            "fgsm_8": 0.813,
            "pgd_8": 0.820,
            "autoattack": 0.814,
        },
        abs=6e-4,
    )
