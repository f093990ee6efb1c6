"""`ScoringSpec`: all settings of a run except the list of architectures."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from numbers import Real
from typing import Any

from ntknas.attack.spec import AttackSpec, check_in_kernels, check_radius
from ntknas.errors import InputError, shorten
from ntknas.kernel.names import Batch, KernelName, Logits, check_beta
from ntknas.kernel.parts import PARTS
from ntknas.layers.norm import Norm
from ntknas.network.spec import Init, NetworkSpec
from ntknas.notebook import short_repr
from ntknas.runs.migrations import SCHEMA, migrate_settings, read_settings
from ntknas.scores import ScoreKind, format_fraction, score_names

__all__ = ["PARAMETERS", "ScoringSpec", "named_differences"]

PARAMETERS = ("all", "weights")
"""The sets of parameters that a kernel can be computed over."""

_NASBENCH201 = "nasbench201"


@dataclass(frozen=True)
class ScoringSpec:
    """Settings of a run. The defaults are the published setting (Wu et al., ICLR 2024).

    Attributes:
        space: Name of the search space.
        dataset: Name of the dataset.
        images_sha256: SHA-256 of the images that batches are drawn from; empty until the images are
            known.
        batch_size: Number of images N per kernel.
        balance: Balance of the classes: "near" (class counts differ by at most one) or "exact".
        seeds: Number of initialisations. Their seeds are 0..seeds-1, and each has its own batch and
            its own start of the attack.
        network: Width, cells, normalisation and initialisation of NAS-Bench-201's network. None
            means that the search space has its own networks; it follows if `coupled` is set.
        coupled: Whether the images of a batch interact, as under batch normalisation by statistics
            of the batch. None means NAS-Bench-201, whose normalisation determines this.
        attack: Settings of the attack on images.
        attack_norm: Normalisation of the attacked network; None means that of `network`.
        batches: Batches of images for which Jacobians are computed. If it is the clean batch alone,
            no attack is computed.
        rhos: Attack radii in pixel units [0, 1]; ignored if only the clean batch is used.
        betas: Weights of the robust loss in mixed kernels.
        logits: Convention that combines the logits into one kernel.
        parameters: Parameters of the kernel: "all", or "weights" without biases (as TE-NAS).
        parts: Parts of every kernel that are kept and scored besides the whole: "none", "groups"
            (seven for NAS-Bench-201, from the stem to the head; the outermost modules of other
            networks) or "layers" (23; the modules).
        zero_cost: Zero-cost proxies that are computed too: True for all, or the names of some.

    Raises:
        InputError: If a value is outside its range.

    Example:
        >>> ScoringSpec(batches=(Batch.CLEAN,)).kernel_rows()
        [(<KernelName.CLEAN: 'clean'>, None, None)]
    """

    space: str = _NASBENCH201
    dataset: str = "cifar10"
    images_sha256: str = ""
    batch_size: int = 32
    balance: str = "near"
    seeds: int = 1
    network: NetworkSpec | None = field(default_factory=NetworkSpec)
    coupled: bool | None = None
    attack: AttackSpec = field(default_factory=AttackSpec)
    attack_norm: Norm | None = None
    batches: tuple[Batch, ...] = tuple(Batch)
    rhos: tuple[float, ...] = (3 / 255, 8 / 255)
    betas: tuple[float, ...] = (0.0, 0.5, 1.0)
    logits: Logits = Logits.SUM
    parameters: str = "all"
    parts: str = "none"
    zero_cost: bool | tuple[str, ...] = False

    __repr__ = short_repr

    def __post_init__(self) -> None:
        if self.coupled is not None and self.network == NetworkSpec():
            object.__setattr__(self, "network", None)  # networks of your own
        for name in ("batch_size", "seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("batches", "rhos", "betas"):
            if isinstance(getattr(self, name), (str, Real)):
                raise InputError(f"{name} must be a tuple, got {getattr(self, name)!r}")
        _check_choice("balance", self.balance, ("near", "exact"))
        _check_choice("parameters", self.parameters, PARAMETERS)
        _check_choice("logits", self.logits, tuple(Logits))
        _check_choice("parts", self.parts, PARTS)
        for batch in self.batches:
            _check_choice("batch", batch, tuple(Batch))
        if not self.batches:
            raise InputError("expected at least one kernel of clean, robust, twice, got none")
        object.__setattr__(self, "zero_cost", _proxies(self.zero_cost))
        attacks = set(self.batches) != {Batch.CLEAN}
        rhos = tuple(sorted(set(map(float, self.rhos)))) if attacks else ()
        if attacks and not rhos:
            raise InputError("attacked kernels need at least one rho, got none")
        if attacks:
            check_in_kernels(self.attack)
        for rho in rhos:
            check_radius(rho)
        betas = tuple(sorted({check_beta(beta) for beta in self.betas}))
        batches = tuple(batch for batch in Batch if batch in self.batches)
        mixed = any(k.mixed and set(k.batches) <= set(batches) for k in KernelName)
        # Settings that mean the same are stored in the same form, so that such runs are equal.
        for name, value in {
            "batches": batches,
            "rhos": rhos,
            "betas": betas if mixed else (),
            "attack": self.attack if attacks else AttackSpec(),
            "attack_norm": self._attack_norm(attacks),
            "logits": Logits(self.logits),
        }.items():
            object.__setattr__(self, name, value)

    def _attack_norm(self, attacks: bool) -> Norm | None:
        """The normalisation of the attacked network, after a check of what the space allows."""
        if (self.network is None) != (self.coupled is not None):
            raise InputError(
                "expected either the settings of a network or whether images are coupled, got "
                f"network {self.network} and coupled {self.coupled}"
            )
        if self.network is None:
            for name, value in (("attack_norm", None), ("parameters", "all"), ("zero_cost", False)):
                if getattr(self, name) != value:
                    raise InputError(
                        f"{name} is a setting of NAS-Bench-201 networks: expected {value}, "
                        f"got {getattr(self, name)}"
                    )
            return None
        norm = self.network.norm if self.attack_norm is None else Norm(self.attack_norm)
        if (norm is Norm.NONE) != (self.network.norm is Norm.NONE):
            raise InputError(
                "an attack without normalisation fits only a network without it: "
                f"got norm {self.network.norm} and attack norm {norm}"
            )
        return norm if attacks else self.network.norm

    @property
    def proxies(self) -> tuple[str, ...]:
        """Names of the zero-cost proxies that are computed, in the order of tables."""
        if isinstance(self.zero_cost, tuple):
            return self.zero_cost
        return score_names(ScoreKind.PROXY) if self.zero_cost else ()

    @property
    def cell_network(self) -> NetworkSpec:
        """The settings of NAS-Bench-201's network.

        Raises:
            InputError: If the settings are those of another space.
        """
        if self.network is None:
            raise InputError(f"expected settings of NAS-Bench-201, got those of {self.space}")
        return self.network

    @property
    def images_coupled(self) -> bool:
        """Whether the output for an image depends on the other images of its batch."""
        return bool(self.coupled) if self.network is None else self.network.norm.coupled

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the network on which the numbers of parameters and operations depend."""
        if self.network is None:
            return {}
        names = ("channels", "cells", "classes", "image_size")
        return {name: getattr(self.network, name) for name in names}

    @property
    def kernels(self) -> tuple[KernelName, ...]:
        """The kernels that can be formed from the batches, in the order of the table."""
        return tuple(kernel for kernel in KernelName if set(kernel.batches) <= set(self.batches))

    def kernel_rows(
        self, betas: tuple[float, ...] | None = None
    ) -> list[tuple[KernelName, float | None, float | None]]:
        """The kernel, rho and beta of each row of an architecture's table, for one seed.

        Args:
            betas: Weights of the robust loss; None means those of the settings.

        Returns:
            Tuples (kernel, rho, beta) in the order of the table; None where a kernel has no rho or
            beta.
        """
        betas = self.betas if betas is None else betas
        rows: list[tuple[KernelName, float | None, float | None]] = []
        for kernel in self.kernels:
            if kernel is KernelName.CLEAN:
                rows.append((kernel, None, None))
            else:
                rows += [
                    (kernel, rho, beta)
                    for rho in self.rhos
                    for beta in (betas if kernel.mixed else (None,))
                ]
        return rows

    @property
    def compiled(self) -> "ScoringSpec":
        """These settings, with those that need no new compilation set to fixed values.

        Two settings share a compiled program if this property is equal. Several radii, seeds, betas
        or image sources are therefore compiled once.
        """
        rhos = (0.0,) if self.rhos else ()
        return replace(
            self,
            dataset="",
            images_sha256="",
            balance="near",
            seeds=1,
            rhos=rhos,
            betas=(),
            zero_cost=False,
        )

    def to_json(self) -> str:
        """The settings and their schema as JSON, with sorted keys.

        Zero-cost proxies are listed by name, so that a later version, which may have more of them,
        reads what was computed.
        """
        values = asdict(self) | {"schema": SCHEMA}
        if self.zero_cost is True:
            values["zero_cost"] = self.proxies
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ScoringSpec":
        """The settings that `to_json` wrote, in this version or an earlier one.

        Args:
            text: Settings as JSON.

        Raises:
            InputError: If the text holds no such settings.
        """
        try:
            return cls._from_values(migrate_settings(read_settings(text)))
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InputError(
                f"expected the settings of a run, got something else: {shorten(text)!a}"
            ) from None

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> "ScoringSpec":
        """The settings whose JSON holds these values."""
        network = values.pop("network")
        if network is not None:
            network |= {name: tuple(network[name]) for name in ("mean", "std")}
            network |= {"norm": Norm(network["norm"]), "init": Init(network["init"])}
            network = NetworkSpec(**network)
            values["attack_norm"] = Norm(values["attack_norm"])
        attack = AttackSpec(**values.pop("attack"))
        values |= {name: tuple(values[name]) for name in ("rhos", "betas")}
        values["batches"] = tuple(Batch(name) for name in values["batches"])
        values["logits"] = Logits(values["logits"])
        if isinstance(values["zero_cost"], list):
            values["zero_cost"] = tuple(values["zero_cost"])
        return cls(network=network, attack=attack, **values)

    def differences(self, other: "ScoringSpec") -> list[str]:
        """Settings that differ, as "name: mine / theirs".

        Args:
            other: Settings to compare with.
        """
        return named_differences(asdict(self), asdict(other))


def named_differences(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Settings that differ, as "name: mine / theirs".

    Args:
        mine: Settings, which may be nested.
        theirs: Settings to compare with.

    Example:
        >>> named_differences({"attack": {"steps": 7}}, {"attack": {"steps": 20}})
        ['attack.steps: 7 / 20']
    """
    mine, theirs = _flat(mine), _flat(theirs)
    return [
        f"{name}: {_show(name, mine.get(name))} / {_show(name, theirs.get(name))}"
        for name in {**mine, **theirs}
        if mine.get(name) != theirs.get(name)
    ]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one dictionary, with names such as "network.cells"."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _show(name: str, value: Any) -> str:
    """The value of a setting as text for readers."""
    if isinstance(value, tuple):
        shown = (format_fraction(v) if isinstance(v, float) else str(v) for v in value)
        return ",".join(shown) or "none"
    if isinstance(value, float):
        return format_fraction(value)
    return value[:12] if name.endswith("sha256") else str(value)


def _proxies(zero_cost: Any) -> bool | tuple[str, ...]:
    """The setting `zero_cost` in its one form: names in the order of tables, True for all."""
    if isinstance(zero_cost, bool):
        return zero_cost
    every = score_names(ScoreKind.PROXY)
    if isinstance(zero_cost, str) or not isinstance(zero_cost, Iterable):
        raise InputError(f"zero_cost must be True, False or a tuple of names, got {zero_cost!r}")
    asked = tuple(zero_cost)
    for name in asked:
        _check_choice("a zero-cost proxy", name, every)
    return set(asked) == set(every) or tuple(n for n in every if n in asked) or False


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise InputError unless the value is one of the choices."""
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
