"""What all trainings of a folder share: recipe, network and images. Needs no JAX."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ntknas.attack import check_radius
from ntknas.errors import InputError
from ntknas.images import ImageSet
from ntknas.layers.norm import Norm
from ntknas.network.spec import Init, NetworkSpec
from ntknas.runs import named_differences
from ntknas.scores import format_fraction
from ntknas.training.recipe import Recipe

__all__ = ["TrainingSettings", "network_from_values"]

SCHEMA = 2  # 1 had no test_radii: they were the radius of the recipe


def network_from_values(values: dict[str, Any]) -> NetworkSpec:
    """The network whose JSON holds these values.

    Args:
        values: Content of the JSON object.
    """
    values = values | {name: tuple(values[name]) for name in ("mean", "std")}
    values |= {"norm": Norm(values["norm"]), "init": Init(values["init"])}
    return NetworkSpec(**values)


@dataclass(frozen=True)
class TrainingSettings:
    """Settings on which the accuracies depend, apart from the architecture and the seed.

    Attributes:
        recipe: How networks are trained.
        network: The network around the cell; its normalisation is frozen.
        dataset: Name of the data set.
        train_images: Number of training images.
        train_sha256: SHA-256 of the training images and labels (`ntknas.ImageSet.sha256`).
        validation_images: Number of images held out of the training images.
        test_images: Number of test images.
        test_sha256: SHA-256 of the test images and labels.
        test_radii: Radii of the attacks on test images, in pixel units.
        initial_sha256: SHA-256 of a file of initial weights; empty for random ones.
    """

    recipe: Recipe
    network: NetworkSpec
    dataset: str
    train_images: int
    train_sha256: str
    validation_images: int
    test_images: int
    test_sha256: str
    test_radii: tuple[float, ...]
    initial_sha256: str = ""

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        network: NetworkSpec,
        images: ImageSet,
        test: ImageSet,
        validation: ImageSet | None = None,
        *,
        test_radii: Sequence[float] | None = None,
        initial_sha256: str = "",
    ) -> "TrainingSettings":
        """The settings of trainings on these images.

        Args:
            recipe: How networks are trained.
            network: The network around the cell.
            images: Training images.
            test: Test images.
            validation: Images held out of the training images; None means none.
            test_radii: Radii of the attacks on test images, in pixel units; None means that of
                the recipe.
            initial_sha256: SHA-256 of a file of initial weights; empty for random ones.

        Raises:
            InputError: If a label of the test images is no class of the network, or a radius is
                outside its range or given twice.
        """
        radii = (recipe.rho,) if test_radii is None else tuple(test_radii)
        for radius in radii:
            check_radius(radius, "radius of the test")
        if len(set(radii)) < len(radii) or not radii:
            listed = ", ".join(map(format_fraction, radii)) or "none"
            raise InputError(
                f"expected different radii of the attacks on test images, got {listed}"
            )
        for part in (images, test):
            if int(part.labels.max()) >= network.classes:
                raise InputError(
                    f"expected labels 0..{network.classes - 1}, the classes of the network, "
                    f"got {int(part.labels.max())} in {part.source}"
                )
        return cls(
            recipe=recipe,
            network=network,
            dataset=images.dataset,
            train_images=len(images),
            train_sha256=images.sha256,
            validation_images=0 if validation is None else len(validation),
            test_images=len(test),
            test_sha256=test.sha256,
            test_radii=radii,
            initial_sha256=initial_sha256,
        )

    def to_json(self) -> str:
        """The settings and their schema as JSON, with sorted keys."""
        return json.dumps(asdict(self) | {"schema": SCHEMA}, sort_keys=True, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "TrainingSettings":
        """The settings that `to_json` wrote.

        Args:
            text: Settings as JSON.

        Raises:
            InputError: If the text holds no such settings, or those of another schema.
        """
        try:
            values = json.loads(text)
            schema = values.pop("schema")
            if schema not in range(1, SCHEMA + 1):
                raise InputError("the settings of the training are those of another version")
            values["recipe"] = Recipe.from_values(values["recipe"])
            if schema == 1:
                values["test_radii"] = [values["recipe"].rho]
            values["test_radii"] = tuple(values["test_radii"])
            values["network"] = network_from_values(values["network"])
            return cls(**values)
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InputError("expected the settings of a training, got something else") from None

    def differences(self, other: "TrainingSettings") -> list[str]:
        """Settings that differ, as "name: mine / theirs".

        Args:
            other: Settings to compare with.
        """
        return named_differences(asdict(self), asdict(other))
