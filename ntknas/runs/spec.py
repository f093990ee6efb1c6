"""Everything that a run's numbers depend on, apart from which architectures are scored."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ntknas.attack.spec import AttackSpec
from ntknas.errors import InputError
from ntknas.kernel.names import Batch, KernelName, Logits
from ntknas.layers.norm import Norm
from ntknas.network.spec import Init, NetworkSpec
from ntknas.runs.migrations import SCHEMA, migrate_settings
from ntknas.scores import format_fraction

__all__ = ["PARAMETERS", "ScoringSpec"]

PARAMETERS = ("all", "weights")
"""Which parameters a kernel can be taken over."""

_NASBENCH201 = "nasbench201"


@dataclass(frozen=True)
class ScoringSpec:
    """Settings of a run. The fields' defaults are the published setting (Wu et al., ICLR 2024).

    Attributes:
        space: Name of the search space.
        dataset: Name of the dataset.
        images_sha256: Digest of the images that batches are drawn from; empty until they are known.
        batch_size: Number of images N of a kernel.
        balance: "near" (class counts differ by at most one) or "exact".
        seeds: Number of initialisations, each with its own batch and attack start: 0..seeds-1.
        network: Width, cells, normalisation and initialisation of NAS-Bench-201's network; None for
            a space whose networks bring their own.
        coupled: For such a space, whether the images of a batch interact, as under batch
            normalisation by statistics of the batch. None for NAS-Bench-201, whose normalisation
            says it.
        attack: How images are attacked.
        attack_norm: Normalisation of the attacked network; None means that of `network`.
        batches: The batches of images that Jacobians are taken on. Clean alone pays nothing for
            attacks.
        rhos: Attack radii in pixel units [0, 1]; ignored if only the clean batch is taken.
        betas: Weights of the robust loss in mixed kernels.
        logits: Convention over the logits.
        parameters: "all", or "weights" without biases (as TE-NAS).
        zero_cost: Whether the zero-cost proxies are computed too.

    Raises:
        InputError: For a value outside its range.

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
    zero_cost: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        _check_choice("balance", self.balance, ("near", "exact"))
        _check_choice("parameters", self.parameters, PARAMETERS)
        _check_choice("logits", self.logits, tuple(Logits))
        for batch in self.batches:
            _check_choice("batch", batch, tuple(Batch))
        if not self.batches:
            raise InputError("expected at least one kernel of clean, robust, twice, got none")
        attacks = set(self.batches) != {Batch.CLEAN}
        rhos = tuple(sorted(set(map(float, self.rhos)))) if attacks else ()
        if attacks and not rhos:
            raise InputError("attacked kernels need at least one rho, got none")
        for rho in rhos:
            if not 0 <= rho < float("inf"):
                raise InputError(f"rho must be a radius >= 0 in pixel units, got {rho}")
        for beta in self.betas:
            if not 0 <= beta <= 1:
                raise InputError(f"beta must lie in [0, 1], got {beta}")
        batches = tuple(batch for batch in Batch if batch in self.batches)
        mixed = any(k.mixed and set(k.batches) <= set(batches) for k in KernelName)
        # One spelling for each meaning, so that equal settings are equal runs.
        for name, value in {
            "batches": batches,
            "rhos": rhos,
            "betas": tuple(sorted(set(map(float, self.betas)))) if mixed else (),
            "attack": self.attack if attacks else AttackSpec(),
            "attack_norm": self._attack_norm(attacks),
            "logits": Logits(self.logits),
        }.items():
            object.__setattr__(self, name, value)

    def _attack_norm(self, attacks: bool) -> Norm | None:
        """Check what belongs to NAS-Bench-201 or to other spaces alone; the attacked network's."""
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
    def images_coupled(self) -> bool:
        """Whether one image's output depends on the other images of its batch."""
        return bool(self.coupled) if self.network is None else self.network.norm.coupled

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the network that counts of parameters and operations depend on."""
        if self.network is None:
            return {}
        names = ("channels", "cells", "classes", "image_size")
        return {name: getattr(self.network, name) for name in names}

    @property
    def kernels(self) -> tuple[KernelName, ...]:
        """The kernels that the batches make, in table order."""
        return tuple(kernel for kernel in KernelName if set(kernel.batches) <= set(self.batches))

    def kernel_rows(
        self, betas: tuple[float, ...] | None = None
    ) -> list[tuple[KernelName, float | None, float | None]]:
        """What each row of an architecture's table is about, for one seed.

        Args:
            betas: Weights of the robust loss; None for the spec's.

        Returns:
            (kernel, rho, beta) in table order; None where a kernel has no such thing.
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
        """This spec with all that a compiled program takes as data set to one value.

        Specs that are equal in this share a program, so a sweep over radii, seeds, betas or
        image sources compiles once.
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
        """The spec as JSON with its schema, keys sorted."""
        return json.dumps(asdict(self) | {"schema": SCHEMA}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ScoringSpec":
        """The spec that `to_json` wrote, in this version or an earlier one.

        Args:
            text: JSON.
        """
        values = migrate_settings(json.loads(text))
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
        return cls(network=network, attack=attack, **values)

    def differences(self, other: "ScoringSpec") -> list[str]:
        """Settings that differ, as "name: mine / theirs".

        Args:
            other: The other spec.
        """
        mine, theirs = (_flat(asdict(spec)) for spec in (self, other))
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
    """A setting as a reader would write it."""
    if isinstance(value, tuple):
        shown = (format_fraction(v) if isinstance(v, float) else str(v) for v in value)
        return ",".join(shown) or "none"
    return value[:12] if name == "images_sha256" else str(value)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
