"""Sessions on other processes: how work is cut, and that the numbers are those of this process."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.engine import PROGRAMS, Scorer, WorkFailed, remote
from ntknas.engine.futures import Pool
from ntknas.engine.tasks import TaskFailed, compute_message, open_session
from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.spaces import Family
from ntknas.spaces.nasbench201 import architectures
from tests.engine.test_tasks import MadeUp
from tests.engine.tiny import CLEAN, TINY, TWENTY

CELL = architectures(5)[0]


class Noted(Pool):
    """Threads of this process that note what they were sent."""

    def __init__(self, executor, count=2, fail=lambda labels, seed: None):
        super().__init__(executor)
        self.sent: list[tuple[tuple, int]] = []
        self._count = count
        self._fail = fail

    def capacity(self):
        return self._count

    def submit(self, function, /, *args):
        if function is open_session:
            return super().submit(function, *args)
        assert function is compute_message
        session, chosen, _ = ntknas.engine.tasks.pickle.loads(args[0].body)
        labels = tuple(one.id for one in chosen)
        self.sent.append((labels, session.seed))
        error = self._fail(labels, session.seed)
        if error is None:
            return super().submit(function, *args)
        future: Future = Future()
        future.set_exception(error)
        return future


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def test_a_run_is_the_one_of_this_process(undisturbed, pool):
    seen = []
    run = ntknas.score(
        TWENTY, spec=TINY, executor=pool, on_progress=lambda *counts: seen.append(counts)
    )
    assert_frame_equal(run.table(), undisturbed.run.table(), check_exact=True)
    assert run.ids == undisturbed.run.ids
    for name in ("spec", "dtype", "images", "device", "program"):
        assert run.meta[name] == undisturbed.run.meta[name]
    assert seen == [(done, 20) for done in range(21)]
    assert (run.seconds > 0).all()


def test_a_session_keeps_the_order_of_what_it_is_asked(pool):
    for chunk in (1, 3):
        scorer = Scorer(CLEAN, executor=pool, chunk=chunk)
        np.testing.assert_array_equal(scorer("random:5").gram, Scorer(CLEAN)("random:5").gram)
    assert list(scorer.stream([])) == []


def test_tasks_are_chunks_of_one_seed_and_seeds_follow_each_other(pool):
    workers = Noted(pool)
    spec = replace(CLEAN, seeds=3)
    chosen = architectures("random:5")
    scored = list(Scorer(spec, executor=workers, chunk=2).stream(chosen))
    ids = tuple(a.id for a in chosen)
    chunks = (ids[:2], ids[2:4], ids[4:])
    assert workers.sent == [(chunk, seed) for chunk in chunks for seed in range(3)]
    assert sorted(one.architecture.id for one in scored) == sorted(ids)
    assert all(one.gram.gram.shape == (3, 1, 6, 6) for one in scored)


def test_zero_cost_proxies_come_along_in_the_order_of_seeds(pool, monkeypatch):
    class Program(MadeUp):
        def __init__(self, spec, batches, *, seeds):
            self._seeds = seeds

        def proxies(self, architecture):
            return [{"synflow": 10.0 * seed + architecture.id} for seed in self._seeds]

    monkeypatch.setitem(PROGRAMS._members, "branches", Program)
    spec = replace(CLEAN, zero_cost=True, seeds=3)
    (one,) = Scorer(spec, executor=pool).stream([CELL])
    assert one.proxies == [{"synflow": 5.0}, {"synflow": 15.0}, {"synflow": 25.0}]


@pytest.mark.parametrize(
    ("architectures", "seeds", "workers", "launch", "expected"),
    [
        (20, 1, 2, 1, 2),  # at least what fills a worker
        (6466, 1, 2, 1, 8),  # at most four times that
        (96, 1, 2, 1, 6),  # eight tasks per worker between them
        (6466, 31, 8, 1024, 3072),  # the launches of an accelerator
        (6466, 1, 64, 1024, 1024),
    ],
)
def test_size_of_a_chunk(architectures, seeds, workers, launch, expected, monkeypatch, pool):
    launches = 2 if launch == 1 else 1
    host = remote.Host("device", "program", launch, launches)
    scorer = Scorer(replace(CLEAN, seeds=seeds), executor=Noted(pool, workers))
    monkeypatch.setattr(scorer._remote, "host", lambda _: host)
    assert scorer._remote._chunk_size([CELL] * architectures) == expected


def test_what_fails_is_named_after_all_others_are_stored(tmp_path, pool):
    chosen = architectures("random:6")
    bad = chosen[3].id
    error = TaskFailed("ValueError: boom", "the traceback")
    workers = Noted(pool, fail=lambda labels, seed: error if bad in labels and seed == 1 else None)
    spec = replace(CLEAN, seeds=2)
    scorer = Scorer(spec, executor=workers, chunk=6)
    message = (
        rf"^architecture {bad} failed in each of 3 tries, all others were computed "
        r"\(ValueError: boom\)$"
    )
    with pytest.raises(WorkFailed, match=message):
        ntknas.score(chosen, out=tmp_path, scorer=scorer)
    assert ntknas.Run(tmp_path).ids == sorted({a.id for a in chosen} - {bad})
    assert workers.sent.count(((bad,), 1)) == 2
    assert workers.sent[0] == (tuple(a.id for a in chosen), 0)
    done = len(workers.sent)
    workers._fail = lambda labels, seed: None
    assert ntknas.score(chosen, out=tmp_path, scorer=scorer).ids == sorted(a.id for a in chosen)
    assert workers.sent[done:] == [((bad,), 0), ((bad,), 1)]


def test_many_failures_are_one_line(pool):
    workers = Noted(pool, fail=lambda labels, seed: TaskFailed("ValueError: " + 900 * "x"))
    with pytest.raises(WorkFailed) as failure:
        Scorer(CLEAN, executor=workers)("random:14")
    text = str(failure.value)
    assert text.startswith("14 architectures ")
    assert " and 4 more failed in each of 3 tries" in text
    assert len(text) < 600
    assert "\n" not in text


def test_workers_without_the_package(pool):
    class Without(Noted):
        def submit(self, function, /, *args):
            future: Future = Future()
            future.set_exception(ModuleNotFoundError("No module named 'ntknas'"))
            return future

    with pytest.raises(InputError, match="^a worker cannot load ntknas: No module named 'ntknas'$"):
        ntknas.score(5, spec=CLEAN, executor=Without(pool))


def test_scores_of_ones_own_are_computed_here(pool, monkeypatch):
    """Other processes compute the rows, unless they may lack a score that was registered here."""
    with_rows = []
    original = remote.Session

    def session(*arguments):
        with_rows.append(arguments[-1])
        return original(*arguments)

    monkeypatch.setattr(remote, "Session", session)
    ntknas.score(5, spec=CLEAN, executor=pool)

    @ntknas.register_score("gap", direction=-1, formula="l_n - l_1")
    def gap(stack):
        return stack.eigenvalues[..., -1] - stack.eigenvalues[..., 0]

    try:
        row = ntknas.score(5, spec=CLEAN, executor=pool).table().iloc[0]
    finally:
        ntknas.SCORES.remove("gap")
    assert with_rows == [True, False]
    assert row["gap"] == pytest.approx(row["lambda_max"] - row["lambda_min"], rel=1e-5)


class _Scale:
    """A network of one weight."""

    def __init__(self, size):
        self.size = size

    def init(self, key, images):
        return np.full((self.size, 3072, 10), 0.01, np.float32)

    def apply(self, weights, images):
        return images.reshape(len(images), -1) @ weights.sum(0)


SPACE = Family("scales", _Scale, {"size": (1, 2, 5)})
CLEAN_OF_OWN = ntknas.ScoringSpec(batch_size=4, batches=(Batch.CLEAN,), coupled=False, seeds=2)


def test_a_space_of_ones_own(pool):
    here, there = (
        ntknas.score("all", space=SPACE, spec=CLEAN_OF_OWN, executor=executor)
        for executor in (None, pool)
    )
    assert_frame_equal(here.table(), there.table(), check_exact=True)
    assert there.meta["program"] == "static"
    assert there.table()["params"].tolist()[::2] == [30720.0, 61440.0, 153600.0]


def test_a_network_that_does_not_fit_is_refused_as_in_this_process(pool):
    networks = {"short": (lambda w, x: x.reshape(len(x), -1) @ w, np.ones((3072, 3), np.float32))}
    messages = []
    for executor in (None, pool):
        with pytest.raises(InputError) as error:
            ntknas.score_networks(networks, spec=CLEAN_OF_OWN, executor=executor)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "of network short, got [4, 3]" in messages[0]


def test_bad_arguments(pool):
    with pytest.raises(InputError, match="^chunk must be at least 1, got 0$"):
        Scorer(CLEAN, executor=pool, chunk=0)
    with pytest.raises(InputError, match="^expected executor as threads, serial, an executor of"):
        ntknas.score(5, spec=CLEAN, executor=7)
    with pytest.raises(InputError, match="^expected executor to be one of threads, serial"):
        ntknas.score(5, spec=CLEAN, executor="x")
    with pytest.raises(InputError, match="^expected either a scorer or spec, images, space, prog"):
        ntknas.score(5, scorer=Scorer(CLEAN), executor=pool)
