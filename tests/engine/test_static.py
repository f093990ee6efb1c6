"""Networks of one's own: a family of small Flax CNNs from scoring to sweeps, and named networks."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.attack import AttackSpec
from ntknas.engine.static import StaticProgram
from ntknas.errors import InputError
from ntknas.evaluation import correlate, rank, sweep_correlations, sweep_medians
from ntknas.images import ImageSet, load_images
from ntknas.kernel import Batch
from ntknas.runs import ScoringSpec
from ntknas.scores import ScoreKind, score_names
from ntknas.spaces import Family
from ntknas.truth import truth_from_frame
from tests.engine.tiny import programs

N, RHO = 4, 8 / 255


class SmallCNN(nn.Module):
    """Convolutions with strides, no normalisation: images do not interact.

    Attributes:
        depth: Number of convolutions.
        width: Channels of each.
    """

    depth: int
    width: int

    @nn.compact
    def __call__(self, images):
        """The logits of the images."""
        x = images
        for _ in range(self.depth):
            x = nn.relu(nn.Conv(self.width, (3, 3), strides=4)(x))
        return nn.Dense(10)(x.mean((1, 2)))


class Normalised(nn.Module):
    """A linear network of images that are normalised together, or by running statistics.

    Attributes:
        together: Whether the statistics are those of the batch.
    """

    together: bool

    @nn.compact
    def __call__(self, images):
        """The logits of the images."""
        x = images.mean((1, 2))
        if self.together:
            return nn.Dense(10)((x - x.mean(0, keepdims=True)) / (x.std(0, keepdims=True) + 0.1))
        return nn.Dense(10)(nn.BatchNorm(use_running_average=True)(x))


SPACE = Family("small_cnn", SmallCNN, {"depth": (1, 2), "width": (4, 8)})
SPEC = ScoringSpec(
    coupled=False, batch_size=N, seeds=2, rhos=(RHO,), attack=AttackSpec(steps=2), betas=(0.5,)
)
CLEAN = ScoringSpec(coupled=False, batch_size=N, batches=(Batch.CLEAN,))
LABELS = ["depth1_width4", "depth1_width8", "depth2_width4", "depth2_width8"]


@pytest.fixture(scope="module")
def own_run(tmp_path_factory):
    """All of the family."""
    return ntknas.score("all", out=tmp_path_factory.mktemp("own"), spec=SPEC, space=SPACE)


def num_parameters(depth, width):
    """Parameters of a `SmallCNN`, biases included."""
    return 28 * width + (depth - 1) * (9 * width + 1) * width + (width + 1) * 10


def blocks_of(network, run, seed, **options):
    """The kernels of a network by the call for single ones."""
    batch = ntknas.scoring_batch(load_images(), N, seed=seed)
    variables = network.init(jax.random.key(seed), jnp.asarray(batch.pixels))
    rest = {name: tree for name, tree in variables.items() if name != "params"}

    def apply_fn(params, images):
        return network.apply({**rest, "params": params}, images)

    return ntknas.kernel_blocks(
        *(apply_fn, variables["params"], batch.pixels, batch.labels),
        batches=run.spec.batches,
        attack=run.spec.attack,
        seed=seed,
        **options,
    )


def assert_close(found, expected):
    scale = abs(expected.gram).max()
    np.testing.assert_allclose(found.gram, expected.gram, rtol=1e-4, atol=1e-5 * scale)


def test_a_family_is_scored(own_run):
    assert own_run.ids == LABELS
    assert own_run.space == own_run.scores().attrs["space"] == "small_cnn"
    assert own_run.strings["depth1_width4"] == "depth=1, width=4"
    assert own_run.constant_ids() == []
    table = own_run.table()
    names = ("id", "architecture", "seed", "kernel", "rho", "beta", "status")
    assert table.columns.tolist() == [*names, *score_names(ScoreKind.KERNEL), "params"]
    assert len(table) == 4 * 2 * 5
    assert set(table["status"]) == {"ok"}
    sizes = table.groupby("id")["params"].agg(["min", "max"])
    expected = [num_parameters(depth, width) for depth in (1, 2) for width in (4, 8)]
    assert sizes["min"].tolist() == sizes["max"].tolist() == expected
    assert own_run.scores().index.tolist() == LABELS


@pytest.mark.parametrize("seed", [0, 1])
def test_its_kernels_are_those_of_the_networks(own_run, seed):
    expected = blocks_of(SmallCNN(2, 4), own_run, seed, rho=RHO, coupled=False)
    found = own_run.kernels("depth2_width4", seed=seed)
    assert (found.batches, found.epsilon) == (expected.batches, expected.epsilon)
    assert_close(found, expected)


def test_a_network_is_compiled_once_for_all_seeds():
    scorer = ntknas.Scorer(replace(CLEAN, seeds=3), space=SPACE)
    with programs() as compiled:
        joint = scorer(LABELS[:2])
    assert compiled.count("jit(compute)") == 2
    assert joint.gram.shape == (2, 3, 1, N, N)


def test_a_run_of_a_family_resumes(own_run, tmp_path, monkeypatch):
    computed: list[str] = []

    def grams(program, launch):
        computed.extend(member.id for member in launch)
        return original(program, launch)

    original = StaticProgram.grams
    monkeypatch.setattr(StaticProgram, "grams", grams)
    seen = []
    for archs in (LABELS[2:], "all"):
        run = ntknas.score(
            archs,
            out=tmp_path,
            spec=SPEC,
            space=SPACE,
            on_progress=lambda done, total: seen.append((done, total)),
        )
    assert computed == [*LABELS[2:], *LABELS[:2]]
    assert seen == [(0, 2), (1, 2), (2, 2), (2, 4), (3, 4), (4, 4)]
    assert_frame_equal(run.table(), own_run.table(), check_exact=True)


def test_a_folder_never_mixes_spaces_or_couplings(own_run):
    other = Family("other_cnn", SmallCNN, {"depth": (1,), "width": (2,)})
    for spec, space, named in (
        (SPEC, other, "space: small_cnn / other_cnn"),
        (replace(SPEC, coupled=True), SPACE, "coupled: False / True"),
    ):
        with pytest.raises(InputError, match=rf"\(in the folder / asked for\): {named}$"):
            ntknas.score("all", out=own_run.folder, spec=spec, space=space)
    with pytest.raises(InputError, match=r"space: small_cnn / nasbench201"):
        ntknas.score(5, out=own_run.folder)


def test_it_is_ranked(own_run):
    scores = own_run.scores()
    best = scores["lambda_min@clean"].sort_values(ascending=False).index.tolist()
    assert rank(own_run, "lambda_min@clean")["id"].tolist() == best
    assert rank(own_run, "params", top=1)["architecture"].tolist() == ["depth=2, width=8"]
    # A score of the kernel and size: there are no counts of a graph to add.
    score = "layer_cosine_lambda_min@clean"
    assert_frame_equal(rank(own_run), rank(own_run, f"{score}+params"))
    ranks = -scores[score].rank() - scores["params"].rank()
    assert rank(own_run)["id"].iloc[0] in ranks[ranks == ranks.min()].index


def test_it_is_held_against_accuracies_of_ones_own(own_run):
    scores = own_run.scores()
    frame = pd.DataFrame({"pgd_8": scores["cond@clean"].rank() / 10, "clean": [0.5, 0.4, 0.7, 0.6]})
    truth = truth_from_frame(frame)
    table = correlate(own_run, truth, resamples=0).set_index(["score", "metric"])["spearman"]
    assert table["cond@clean", "pgd_8"] == pytest.approx(-1.0)  # a low condition number is good
    assert table["params", "clean"] == pytest.approx(
        scores["params"].corr(frame["clean"], "spearman")
    )
    assert "flops" not in table.index.get_level_values("score")
    swept = sweep_correlations(own_run, [0.0, 1.0], truth, ["cond"], resamples=0)
    robust = table["cond@robust:8/255", "pgd_8"]
    ends = swept.set_index(["kernel", "beta"])["spearman"]
    assert ends["mixed_clean", 0.0] == pytest.approx(-1.0)
    assert ends["mixed_clean", 1.0] == ends["mixed_robust", 0.0] == pytest.approx(robust)


def test_it_is_swept(own_run):
    assert_frame_equal(
        own_run.sweep([0.5]),
        own_run.table().query("beta == 0.5").reset_index(drop=True),
        check_exact=True,
    )
    medians = sweep_medians(own_run, [0.0, 0.5], ["trace"]).set_index(["kernel", "beta"])
    expected = own_run.scores()["trace@clean"].median()
    assert medians.loc[("mixed_clean", 0.0), "value"] == pytest.approx(expected)
    assert (medians["n"] == 4).all()


def test_labels_may_be_whole_numbers(own_run):
    choices = {"depth": (2,), "width": (8, 4)}
    numbered = Family("small_cnn", SmallCNN, choices, label=lambda depth, width: 10 * depth + width)
    run = ntknas.score("24,28", spec=SPEC, space=numbered)
    assert run.ids == [24, 28]
    for label, text in ((24, "depth2_width4"), (28, "depth2_width8")):
        ours, theirs = run.kernels(label), own_run.kernels(text)
        np.testing.assert_array_equal(ours.gram, theirs.gram)
        assert run.strings[label] == own_run.strings[text]
    truth = truth_from_frame(pd.DataFrame({"pgd_8": [0.2, 0.3]}, index=[24, 28]))
    table = correlate(run, truth, names=["params"], resamples=0)
    assert table["spearman"].tolist() == [pytest.approx(1.0)]
    assert rank(run, "params")["id"].tolist() == [28, 24]


@pytest.mark.slow
def test_images_that_are_normalised_together_are_coupled():
    networks = {"together": Normalised(True), "alone": Normalised(False)}
    spec = replace(SPEC, seeds=1)
    run = ntknas.score_networks(networks, spec=replace(spec, coupled=True))
    for name, network in networks.items():
        assert_close(run.kernels(name), blocks_of(network, run, 0, rho=RHO, coupled=True))
    apart = ntknas.score_networks({"alone": networks["alone"]}, spec=spec)
    assert_close(apart.kernels("alone"), run.kernels("alone"))
    with pytest.raises(InputError, match="logits of network together on an image alone differ"):
        ntknas.score_networks(networks, spec=spec)


def test_statistics_that_run_along_are_no_parameters():
    run = ntknas.score_networks({"alone": Normalised(False)}, spec=CLEAN)
    assert run.scores()["params"].tolist() == [2 * 3 + 4 * 10]


def linear(params, images):
    return images.reshape(len(images), -1) @ params["w"]


def test_networks_by_name_are_modules_or_functions():
    weights = {"w": jax.random.normal(jax.random.key(1), (3 * 32 * 32, 10))}
    networks = {"linear": (linear, weights), "cnn, small": SmallCNN(1, 2), 7: SmallCNN(1, 2)}
    run = ntknas.score_networks(networks, spec=CLEAN)
    assert run.space == "networks"
    assert run.ids == [7, "cnn, small", "linear"]
    batch = ntknas.scoring_batch(load_images(), N, seed=0)
    flat = batch.pixels.reshape(N, -1).astype(float)
    # The gradient of the sum of the logits is the image, for each of ten logits.
    np.testing.assert_allclose(run.kernels("linear").clean, 10 * flat @ flat.T, rtol=1e-5)
    np.testing.assert_array_equal(run.kernels(7).gram, run.kernels("cnn, small").gram)
    assert run.scores()["params"].to_dict() == {"linear": 30720, "cnn, small": 86, 7: 86}
    networks.pop(7)
    run = ntknas.score_networks(networks, spec=CLEAN)
    assert rank(run, "params")["id"].tolist() == ["linear", "cnn, small"]


def test_by_default_clean_kernels_of_coupled_images():
    run = ntknas.score_networks({"linear": (linear, {"w": jnp.zeros((3072, 10))})})
    assert (run.spec.batches, run.spec.batch_size, run.spec.coupled) == ((Batch.CLEAN,), 16, True)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            nn.Dense(3),
            rf"^expected logits \[{N}, classes\] of network bad, got \[{N}, 32, 32, 3\]$",
        ),
        (
            (lambda w, x: x.mean((1, 2)), {"w": 0.0}),
            rf"logits \[{N}, 10\] of network bad, got \[{N}, 3\]$",
        ),
        ((lambda w, x: x.sum() * w, 1.0), rf"logits \[{N}, classes\] of network bad, got \[\]$"),
        ((lambda w, x: (x, w), 1.0), "of network bad, got a tuple: return the logits alone$"),
    ],
)
def test_networks_with_other_logits_are_refused(network, message, tmp_path):
    networks = {"good": SmallCNN(1, 2), "bad": network}
    with pytest.raises(InputError, match=message):
        ntknas.score_networks(networks, out=tmp_path, spec=CLEAN)
    # What was finished before is kept, and the run goes on without the bad one.
    networks.pop("bad")
    assert ntknas.score_networks(networks, out=tmp_path, spec=CLEAN).ids == ["good"]


def test_as_many_logits_as_the_dataset_has_classes():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (12, 16, 16, 3), np.uint8)
    images = ImageSet("imagenet16", pixels, np.arange(12), np.arange(12), "made here")
    with pytest.raises(
        InputError, match=r"^expected logits \[4, 120\] of network a, got \[4, 10\]$"
    ):
        ntknas.score_networks({"a": SmallCNN(1, 2)}, spec=CLEAN, images=images)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"batch_stats": {"mean": jnp.zeros(3)}}, "^network bare: expected a collection 'params'"),
        (
            {"params": {"w": jnp.full(3, jnp.nan)}},
            r"^network bare: parameter \['w'\]: exp",
        ),
        ({"params": {}}, "^network bare: expected parameters to differentiate, got none$"),
    ],
)
def test_variables_that_cannot_be_differentiated_are_refused(variables, message):
    networks = {"bare": (lambda variables, images: images, variables)}
    with pytest.raises(InputError, match=message):
        ntknas.score_networks(networks, spec=CLEAN)


@pytest.mark.usefixtures("float64")
def test_arithmetic_is_that_in_force_whatever_the_parameters_are():
    """Weights in float32 are taken as they are, and computed with in float64."""
    weights = {"w": jnp.ones((3072, 10), jnp.float32)}
    run = ntknas.score_networks({"linear": (linear, weights), "cnn": SmallCNN(1, 2)}, spec=CLEAN)
    assert run.meta["dtype"] == "float64"
    batch = ntknas.scoring_batch(load_images(), N, seed=0)
    flat = batch.pixels.reshape(N, -1).astype(float)
    np.testing.assert_allclose(run.kernels("linear").clean, 10 * flat @ flat.T, rtol=1e-12)
    assert run.kernels("cnn").epsilon == np.finfo(np.float64).eps
