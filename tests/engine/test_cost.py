"""The cost model against XLA's own counts of static programs, and what must hold between costs."""

from dataclasses import fields, replace
from itertools import product

import jax
import jax.numpy as jnp
import pytest

from ntknas.attack import AttackSpec, attack
from ntknas.engine import Cost, measured_peak, run_cost
from ntknas.errors import InputError
from ntknas.kernel import Batch, Logits, chained_gram, ntk
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, architectures, flops, live_operations

N = 4
SKIPS, CONVOLUTIONS = Architecture.from_code("111111"), Architecture.from_code("333333")
CODES = ["333333", "222222", "111111", "444444", "141414", "000300"]
OF_ZEROS = ["034120", "014133"]  # a convolution of a node that nothing reaches
RANDOM = [architecture.code for architecture in architectures("random:4:0")]


def fast_ones(*fast, of):
    """All cases, of which those that are not named run with the slow tests."""
    assert set(fast) <= set(of)
    return [case if case in fast else pytest.param(*case, marks=pytest.mark.slow) for case in of]


def clean(norm=Norm.BATCH, *, channels=8, **settings):
    """One cell per stage: XLA counts the body of a loop once."""
    network = NetworkSpec(channels=channels, cells=1, image_size=16, norm=norm)
    return ScoringSpec(batch_size=N, batches=(Batch.CLEAN,), network=network, **settings)


def static_program(architecture, network, compute):
    """`compute(apply_fn, params, images, labels)` of the live operations alone, traced."""
    ops = live_operations(architecture)
    variables = jax.tree.map(jnp.asarray, initial_variables(network, 0, ops))
    rest = {name: value for name, value in variables.items() if name != "params"}

    def apply_fn(params, images):
        return Network(network).apply({"params": params, **rest}, images, ops)

    size = network.image_size
    images = jax.ShapeDtypeStruct((N, size, size, 3), jnp.float32)
    labels = jax.ShapeDtypeStruct((N,), jnp.int32)
    program = jax.jit(lambda params, *batch: compute(apply_fn, params, *batch))
    return program.trace(variables["params"], images, labels)


def written_flops(program):
    """XLA's count of a program as it is written, each operation once.

    As an accelerator gets it: a CPU takes the cotangents of a kernel in a loop, and XLA counts a
    loop's body once.
    """
    return program.lower(lowering_platforms=("cuda",)).cost_analysis()["flops"]


def kernel_program(architecture, network):
    return static_program(
        architecture,
        network,
        lambda apply_fn, params, images, _: ntk(
            apply_fn, params, images, coupled=network.norm.coupled
        ),
    )


@pytest.mark.parametrize(
    ("norm", "code"),
    fast_ones(
        (Norm.BATCH, "333333"),
        (Norm.IMAGE, "444444"),
        (Norm.BATCH, OF_ZEROS[0]),
        of=[(norm, code) for norm in (Norm.BATCH, Norm.IMAGE) for code in CODES]
        + [(Norm.BATCH, code) for code in OF_ZEROS],
    ),
)
def test_kernel_is_what_xla_counts_before_it_fuses(norm, code):
    """Within 0.2%: XLA counts small vectors too, and sums with zero at nodes.

    This is the program as it is written, each operation once. XLA counts the taps of a convolution
    that fall inside the image and the whole of a matrix product; so does the model. A convolution
    of zeros is there for coupled images alone: `vmap` over images, seeing that it is the same for
    all, computes it once, where the model counts it for each.
    """
    spec, architecture = clean(norm), Architecture.from_code(code)
    counted = written_flops(kernel_program(architecture, spec.network))
    assert run_cost(architecture, spec).flops == pytest.approx(counted, rel=2e-3)


@pytest.mark.parametrize(
    ("norm", "code"),
    fast_ones(
        (Norm.FROZEN, "333333"),
        (Norm.NONE, RANDOM[0]),
        of=list(product([Norm.FROZEN, Norm.NONE], ["333333", *RANDOM])),
    ),
)
def test_kernel_without_measured_statistics_is_what_xla_counts(norm, code):
    """Within 0.2%, as above.

    Without normalisation a convolution of zeros is nothing that XLA would count, so the
    architectures here have none.
    """
    spec, architecture = clean(norm), Architecture.from_code(code)
    counted = written_flops(kernel_program(architecture, spec.network))
    assert run_cost(architecture, spec).flops == pytest.approx(counted, rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("code", ["333333", "444444", "222222", "213342"])
def test_kernel_is_what_xla_compiles(code):
    """Within 5% of the optimised program, and between the products and four times the rest.

    Counted by opcode, its convolutions and matrix products are the model's to 0.1%. The difference
    lies in operations per element: XLA's fusion copies a cheap one into each of its consumers (with
    8 channels, subtractions of means were 3 times and ReLUs 10 to 20 times what is written), and
    folds pooling's divisors. With 32 channels such operations are few beside the products.
    """
    spec, architecture = clean(Norm.IMAGE, channels=32), Architecture.from_code(code)
    cost = run_cost(architecture, spec)
    counted = kernel_program(architecture, spec.network).lower().compile().cost_analysis()
    assert cost.flops == pytest.approx(counted["flops"], rel=0.05)
    assert cost.product_flops < counted["flops"] < cost.product_flops + 4 * cost.elementwise_flops
    assert counted["bytes accessed"] / 10 < cost.bytes < counted["bytes accessed"]


@pytest.mark.parametrize(
    ("norm", "code"),
    fast_ones(
        (Norm.BATCH, "333333"),
        (Norm.IMAGE, RANDOM[0]),
        (Norm.FROZEN, "444444"),
        of=list(product(Norm, ["333333", "444444", RANDOM[0]])),
    ),
)
def test_attack_is_what_xla_counts(norm, code):
    """Within 0.3%: the model leaves out the loss and divisors of pooling."""
    architecture, spec = Architecture.from_code(code), clean(norm)
    fgsm = AttackSpec(name="fgsm")
    attacked = replace(spec, batches=(Batch.ATTACKED,), rhos=(0.1,), attack=fgsm)

    def compute(apply_fn, params, images, labels):
        key, one_step = jax.random.key(0), AttackSpec(steps=1, random_start=False)
        return attack(key, apply_fn, params, images, labels, spec=one_step, rho=0.1)

    counted = written_flops(static_program(architecture, spec.network, compute))
    found = run_cost(architecture, attacked).flops - run_cost(architecture, spec).flops
    assert found == pytest.approx(counted, rel=3e-3)


def test_three_products_per_batch_are_what_xla_counts():
    """A scan's body is counted once, so two batches count as three products and one Jacobian."""
    spec = clean(Norm.BATCH)
    two = replace(spec, batches=(Batch.CLEAN, Batch.ATTACKED), rhos=(0.1,))

    def compute(apply_fn, params, images, _):
        return chained_gram(apply_fn, params, jnp.stack([images, images]), [(0, 1)], coupled=True)

    counted = written_flops(static_program(SKIPS, spec.network, compute))
    alone, both = run_cost(SKIPS, spec), run_cost(SKIPS, two)
    assert both.contraction_flops == 6 * alone.contraction_flops
    # Carried Jacobians are chosen (first batch or not), one operation per element of each.
    chosen = 2 * alone.contraction_flops // (2 * N)
    found = alone.flops + 2 * alone.contraction_flops + chosen
    assert found == pytest.approx(counted, rel=5e-3)


@pytest.mark.parametrize("code", ["333333", "222222", "111111"])
def test_padded_multiply_accumulates_are_those_of_the_benchmark(code):
    architecture = Architecture.from_code(code)
    spec = ScoringSpec(batches=(Batch.CLEAN,), network=NetworkSpec(norm=Norm.IMAGE))
    benchmark = flops(architecture) - 10  # it counts the classifier's biases
    cost = run_cost(architecture, spec)
    assert cost.weight_gradient_flops == 2 * spec.batch_size * benchmark
    assert cost.forward_flops < cost.weight_gradient_flops


@pytest.mark.parametrize(("norm", "parameters"), [(n, p) for n in Norm for p in ("all", "weights")])
def test_products_of_jacobians_are_over_the_chosen_parameters(norm, parameters):
    architecture = Architecture.from_code("321420")
    spec = clean(norm, parameters=parameters)
    ops = live_operations(architecture)
    leaves = jax.tree_util.tree_leaves_with_path(initial_variables(spec.network, 0, ops)["params"])
    size = sum(leaf.size for path, leaf in leaves if parameters == "all" or path[-1].key != "bias")
    assert run_cost(architecture, spec).contraction_flops == 2 * N**2 * size


def test_skips_cost_less_than_convolutions_in_every_part():
    spec = replace(clean(), batches=tuple(Batch), rhos=(0.1,))
    less, more = run_cost(SKIPS, spec), run_cost(CONVOLUTIONS, spec)
    for field in fields(Cost):
        assert getattr(less, field.name) < getattr(more, field.name), field.name


@pytest.mark.parametrize(("norm", "factor"), [(Norm.BATCH, 4), (Norm.IMAGE, 2)])
def test_twice_the_images(norm, factor):
    one, two = (
        run_cost(CONVOLUTIONS, replace(clean(norm), batch_size=size)) for size in (N, 2 * N)
    )
    assert two.forward_flops == 2 * one.forward_flops
    assert two.activation_gradient_flops == factor * one.activation_gradient_flops
    assert two.weight_gradient_flops == factor * one.weight_gradient_flops
    assert two.contraction_flops == 4 * one.contraction_flops


def test_attacks_are_linear_in_steps_radii_and_attacked_batches():
    def cost(batches, steps, rhos):
        spec = replace(clean(), batches=batches, rhos=rhos, attack=AttackSpec(steps=steps))
        return run_cost(CONVOLUTIONS, spec)

    one = cost((Batch.ATTACKED,), 1, (0.1,))
    assert cost((Batch.ATTACKED,), 7, (0.1,)).attack_flops == 7 * one.attack_flops
    assert cost((Batch.ATTACKED,), 1, (0.1, 0.2, 0.3)).attack_flops == 3 * one.attack_flops
    # The second attack starts from the first one's images, whether their kernel is taken or not.
    assert cost((Batch.TWICE_ATTACKED,), 1, (0.1,)).attack_flops == 2 * one.attack_flops
    everything = cost(tuple(Batch), 1, (0.1, 0.2))
    assert everything.attack_flops == 4 * one.attack_flops
    assert everything.forward_flops == 5 * one.forward_flops
    assert everything.contraction_flops == 15 * one.contraction_flops
    assert run_cost(CONVOLUTIONS, clean()).attack_flops == 0


def test_trace_repeats_all_but_the_attack_for_every_logit():
    spec = replace(clean(), batches=(Batch.ATTACKED,), rhos=(0.1,))
    total, traced = (
        run_cost(CONVOLUTIONS, replace(spec, logits=logits))
        for logits in (Logits.SUM, Logits.TRACE)
    )
    classes = spec.network.classes
    assert traced.attack_flops == total.attack_flops
    for name in ("forward", "activation_gradient", "weight_gradient", "contraction"):
        assert getattr(traced, f"{name}_flops") == classes * getattr(total, f"{name}_flops")


def test_edges_that_cannot_matter_are_free():
    dead, none = Architecture.from_code("300130"), Architecture.from_code("300030")
    assert run_cost(Architecture.from_code("320030"), clean()) == run_cost(none, clean())
    assert run_cost(dead, clean()).flops > run_cost(none, clean()).flops


def test_peak_is_above_what_a_loop_of_python_reaches():
    assert measured_peak(0.0) > 1e8


def test_another_space_has_no_such_costs():
    spec = ScoringSpec(space="small_cnn", network=None, coupled=True)
    with pytest.raises(
        InputError, match="^expected settings of NAS-Bench-201, got those of small_cnn$"
    ):
        run_cost(SKIPS, spec)
