"""A run, a search and trainings that were never computed, with names that try to break out."""

import json

import numpy as np
import pandas as pd
import pytest

from ntknas.report.page import Options, gather
from ntknas.runs import ScoringSpec
from ntknas.search import Evaluation, append_history
from ntknas.spaces import NASBENCH201
from ntknas.training import TrainingFolder, TrainingSettings
from ntknas.truth import truth_from_frame
from tests.evaluation.made_up import make_run
from tests.training.tiny import NETWORK, QUICK, images

HOSTILE = "<img src=x onerror=alert(1)>"
METRIC = '</script><b>"pgd'
CELLS = [*NASBENCH201.sample(9, 0), NASBENCH201.parse("10")[0]]  # the last one is constant


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """The folders of a run, a search and trainings; the run has a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    spec = ScoringSpec(batch_size=6, seeds=2, rhos=(3 / 255, 8 / 255))
    run = make_run(folder / HOSTILE, CELLS, spec, meta={"device": HOSTILE})
    search = folder / "search"
    search.mkdir()
    facts = {"algorithm": "random", "metrics": [METRIC], "score": None}
    (search / "search.json").write_text(json.dumps(facts))
    values = [0.2, 0.5, -np.inf, 0.4]
    history = [Evaluation(cell, value) for cell, value in zip(CELLS, values, strict=False)]
    append_history(search / "history.csv", history)
    settings = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5))
    trainings = TrainingFolder.open(folder / "trainings", settings)
    for seed in (0, 1):
        place = trainings.place(CELLS[0], seed)
        place.mkdir(parents=True)
        epochs = [
            {"epoch": n, "loss": 2.0 / n, "learning_rate": 0.1, "train_accuracy": 0.1 * n}
            for n in (1, 2, 3)
        ]
        trainings.write_history(place, epochs)
        result = {"architecture": CELLS[0].id, "dataset": "cifar10", "seed": seed}
        trainings.finish(place, result | {"clean": 0.5 + 0.1 * seed})
    return run.folder, search, trainings.path


@pytest.fixture(scope="session")
def truth():
    """Made-up accuracies, one metric of them with a hostile name."""
    ids = [cell.id for cell in CELLS]
    steps = np.arange(len(ids)) / 10
    return truth_from_frame(pd.DataFrame({"clean": 0.9 - 0.5 * steps, METRIC: steps}, index=ids))


@pytest.fixture(scope="session")
def material(places, truth):
    """Everything that a report can show."""
    return gather(places, truth=truth, options=Options(resamples=20, top=5))
