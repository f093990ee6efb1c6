"""Everything that a run's numbers depend on, apart from which architectures are scored."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ntknas.attack import AttackName, AttackSpec
from ntknas.errors import InputError
from ntknas.kernel import Batch, Kernel, Logits
from ntknas.network import Init, NetworkSpec, Norm
from ntknas.scores import format_fraction

__all__ = ["Parameters", "ScoringSpec"]

Parameters = ("all", "weights")


@dataclass(frozen=True)
class ScoringSpec:
    """Settings of a run. The fields' defaults are the published setting (Wu et al., ICLR 2024).

    Attributes:
      dataset: name of the dataset.
      images_sha256: of the images that batches are drawn from; empty until they are known.
      batch_size: images N of a kernel.
      balance: "near" (class counts differ by at most one) or "exact".
      seeds: number of initialisations, each with its own batch and attack start: 0..seeds-1.
      network: width, cells, normalisation, initialisation.
      attack: how images are attacked.
      attack_norm: normalisation of the attacked network; None: as `network.norm`.
      kernels: batches whose Jacobians are taken; clean alone pays nothing for attacks.
      rhos: attack radii in pixel units [0, 1]; ignored if only clean kernels are taken.
      betas: weights of the robust loss in mixed kernels.
      logits: convention over the logits.
      parameters: "all", or "weights" without biases (as TE-NAS).
      zero_cost: whether the zero-cost proxies are computed too.

    Raises:
      InputError: for a value outside its range.

    >>> ScoringSpec(kernels=(Batch.CLEAN,)).score_rows()
    [(<Kernel.CLEAN: 'clean'>, None, None)]
    """

    dataset: str = "cifar10"
    images_sha256: str = ""
    batch_size: int = 32
    balance: str = "near"
    seeds: int = 1
    network: NetworkSpec = field(default_factory=NetworkSpec)
    attack: AttackSpec = field(default_factory=AttackSpec)
    attack_norm: Norm | None = None
    kernels: tuple[Batch, ...] = tuple(Batch)
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
        _check_choice("parameters", self.parameters, Parameters)
        _check_choice("logits", self.logits, tuple(Logits))
        for kernel in self.kernels:
            _check_choice("kernel", kernel, tuple(Batch))
        if not self.kernels:
            raise InputError("expected at least one kernel of clean, robust, twice, got none")
        attacks = set(self.kernels) != {Batch.CLEAN}
        rhos = tuple(sorted(set(map(float, self.rhos)))) if attacks else ()
        if attacks and not rhos:
            raise InputError("attacked kernels need at least one rho, got none")
        for rho in rhos:
            if not 0 <= rho < float("inf"):
                raise InputError(f"rho must be a radius >= 0 in pixel units, got {rho}")
        for beta in self.betas:
            if not 0 <= beta <= 1:
                raise InputError(f"beta must lie in [0, 1], got {beta}")
        attack_norm = self.network.norm if self.attack_norm is None else Norm(self.attack_norm)
        if (attack_norm is Norm.NONE) != (self.network.norm is Norm.NONE):
            raise InputError(
                "an attack without normalisation fits only a network without it: "
                f"got norm {self.network.norm} and attack norm {attack_norm}"
            )
        kernels = tuple(b for b in Batch if b in self.kernels)
        mixed = any(k.mixed and set(k.batches) <= set(kernels) for k in Kernel)
        # One spelling for each meaning, so that equal settings are equal runs.
        for name, value in {
            "kernels": kernels,
            "rhos": rhos,
            "betas": tuple(sorted(set(map(float, self.betas)))) if mixed else (),
            "attack": self.attack if attacks else AttackSpec(),
            "attack_norm": attack_norm if attacks else self.network.norm,
            "logits": Logits(self.logits),
        }.items():
            object.__setattr__(self, name, value)

    def score_rows(
        self, betas: tuple[float, ...] | None = None
    ) -> list[tuple[Kernel, float | None, float | None]]:
        """(kernel, rho, beta) of every kernel that the run scores, in table order."""
        betas = self.betas if betas is None else betas
        rows: list[tuple[Kernel, float | None, float | None]] = []
        for kernel in Kernel:
            if not set(kernel.batches) <= set(self.kernels):
                continue
            if kernel is Kernel.CLEAN:
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
        """The spec as JSON, keys sorted; without zero-cost proxies as before there were any."""
        values = asdict(self)
        if not self.zero_cost:
            del values["zero_cost"]
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ScoringSpec":
        """The spec that `to_json` wrote."""
        values = json.loads(text)
        network, attack = values.pop("network"), values.pop("attack")
        network |= {name: tuple(network[name]) for name in ("mean", "std")}
        network |= {"norm": Norm(network["norm"]), "init": Init(network["init"])}
        attack["name"] = AttackName(attack["name"])
        values |= {name: tuple(values[name]) for name in ("rhos", "betas")}
        values["kernels"] = tuple(Batch(name) for name in values["kernels"])
        values["attack_norm"] = Norm(values["attack_norm"])
        values["logits"] = Logits(values["logits"])
        return cls(network=NetworkSpec(**network), attack=AttackSpec(**attack), **values)

    def differences(self, other: "ScoringSpec") -> list[str]:
        """Settings that differ, as "name: mine / theirs"."""
        mine, theirs = (_flat(asdict(spec)) for spec in (self, other))
        return [
            f"{name}: {_show(name, mine[name])} / {_show(name, theirs[name])}"
            for name in mine
            if mine[name] != theirs[name]
        ]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _show(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        shown = (format_fraction(v) if isinstance(v, float) else str(v) for v in value)
        return ",".join(shown) or "none"
    return value[:12] if name == "images_sha256" else str(value)


def _check_choice(name: str, value: str, choices: tuple) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
