"""Several trainings in a folder: what is finished is left, and what is in other hands."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.images import load_images
from ntknas.training import (
    TrainingFolder,
    TrainingSettings,
    split_images,
)
from tests.training.tiny import CHEAP, NETWORK, QUICK, SKIP, images, train

METRICS = ["clean", "fgsm_8", "pgd_8"]


def test_results_have_a_row_per_architecture_and_seed(finished):
    results = TrainingFolder(finished).results()
    assert list(results.columns) == ["architecture", "dataset", "seed", *METRICS]
    ids = sorted([CHEAP.id, SKIP.id])
    assert results["architecture"].tolist() == np.repeat(ids, 2).tolist()
    assert results["seed"].tolist() == [0, 1, 0, 1]
    values = results[METRICS].to_numpy()
    assert ((values >= 0) & (values <= 1)).all()
    assert (results["pgd_8"] <= results["clean"]).all()


def test_several_radii_of_the_test(finished, tmp_path):
    radii = (3 / 255, 8 / 255)
    (both,) = train(tmp_path, test_radii=radii).to_dict("records")
    (one, *_) = (
        TrainingFolder(finished).results().query(f"architecture == {CHEAP.id}").to_dict("records")
    )
    assert list(both)[3:] == ["clean", "fgsm_3", "pgd_3", "fgsm_8", "pgd_8"]
    assert {name: both[name] for name in METRICS} == {name: one[name] for name in METRICS}
    with pytest.raises(InputError, match="test_radii: 3/255,8/255 / 8/255"):
        train(tmp_path)


def test_what_is_finished_is_left(finished):
    calls = []
    again = train(finished, seeds=(0, 1), on_progress=lambda *call: calls.append(call))
    assert not calls
    pd.testing.assert_frame_equal(again, TrainingFolder(finished).results())


def test_what_another_process_trains_is_left(tmp_path):
    settings = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5))
    folder = TrainingFolder.open(tmp_path, settings)
    with folder.claim(CHEAP, 0) as place:
        assert place == folder.place(CHEAP, 0)
        assert train(tmp_path).empty
    assert len(train(tmp_path)) == 1


def test_progress_names_network_and_phase(tmp_path):
    calls = []
    train(tmp_path, on_progress=lambda *call: calls.append(call))
    assert calls[0] == (f"training {CHEAP.id} seed 0 (1 of 1)", 20, 20)
    assert calls[-1] == (f"testing {CHEAP.id} seed 0 (1 of 1)", 90, 90)


def test_metrics_are_written_as_csv(finished):
    metrics = pd.read_csv(TrainingFolder(finished).place(CHEAP, 1) / "metrics.csv")
    assert metrics["epoch"].tolist() == [1]
    assert {"loss", "train_accuracy", "learning_rate", "images_per_second"} <= set(metrics)


def test_labels_that_the_network_has_no_classes_for(tmp_path):
    narrow = replace(NETWORK, classes=1)
    with pytest.raises(InputError, match=r"labels 0..0, the classes of the network, got 1"):
        train(tmp_path / "new", network=narrow)
    assert not (tmp_path / "new").exists()


def test_initial_weights_of_several_architectures(tmp_path):
    with pytest.raises(InputError, match="belong to one architecture, got 2"):
        train(tmp_path / "new", (CHEAP, SKIP), initial={"params": {}})


def test_parts_of_an_image_set():
    sample = load_images()
    parts = split_images(sample, 100, 50, 30)
    assert [len(part) for part in parts] == [100, 50, 30]
    assert len(np.unique(np.concatenate([part.indices for part in parts]))) == 180
    for part in parts:
        counts = np.bincount(part.labels, minlength=10)
        assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(split_images(sample, 100)[0].indices, parts[0].indices)
    (whole,) = split_images(sample, 320)
    np.testing.assert_array_equal(whole.pixels, sample.pixels)
    with pytest.raises(InputError, match=r"1 to 320 images .* got 300 \+ 21"):
        split_images(sample, 300, 21)
