"""The names of columns: every published one has a canonical one."""

from ntknas.truth.names import CHANCE, DATASETS, JUNG_METRICS, ROBBENCH_METRICS


def test_every_data_set_has_a_chance_level():
    assert set(DATASETS.values()) == set(CHANCE)


def test_the_two_benchmarks_are_told_apart_by_their_labels():
    assert not set(ROBBENCH_METRICS) & set(JUNG_METRICS)
    assert set(ROBBENCH_METRICS.values()) == {
        "clean",
        "fgsm_3",
        "pgd_3",
        "fgsm_8",
        "pgd_8",
        "autoattack",
    }
