"""The names of data sets and metrics, for the columns of the published files.

Accuracies are fractions in [0, 1]. Radii are L-infinity, in pixel units of 1/255.

NAS-RobBench-201 (adversarially trained networks), for each of three data sets:

=============  ====================================================================
`clean`        no attack (`val_acc`)
`fgsm_3`       FGSM at 3/255 (`val_fgsm_3_acc`, `val_fgsm_3.0_acc`); `fgsm_8` at 8/255
`pgd_3`        PGD at 3/255 (`val_pgd_3_acc`, `val_pgd_3.0_acc`); `pgd_8` at 8/255
`autoattack`   AutoAttack at 8/255 (`autoattack`)
=============  ====================================================================

Jung et al. 2023 (networks trained without attacks), on the project page:

=============  ====================================================================
`clean`        no attack
`apgd`         APGD with cross-entropy at 1/255 (`aa_apgd-ce`)
`square`       Square at 1/255 (`aa_square`)
`fgsm`, `pgd`  FGSM and PGD at 1/255
`corruption`   mean over common corruptions (`corr`); not for ImageNet16-120
=============  ====================================================================

The released folder of Jung et al. has every radius, so the metrics of this folder have the radius
in their name: `pgd_1` is PGD at 1/255, `fgsm_0.5` is FGSM at 0.5/255. `corruption_1`,
`corruption_2`, ... are means over the kinds of corruption at one severity. `corruption` is the mean
over kinds and severities.

On the page, only PGD's radius of 1/255 is confirmed, by an example in the documentation of the data
set. The other attacks of the page are assumed to have the same radius.

Example:
    >>> DATASETS["ImageNet16-120"], ROBBENCH_METRICS["val_pgd_8_acc"], JUNG_METRICS["aa_square"]
    ('imagenet16', 'pgd_8', 'square')
"""

import re

__all__ = [
    "CHANCE",
    "DATASETS",
    "JUNG",
    "JUNG_METRICS",
    "ROBBENCH",
    "ROBBENCH_METRICS",
    "metric_label",
]

ROBBENCH = "NAS-RobBench-201"
JUNG = "Jung et al. 2023"

DATASETS = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imagenet": "imagenet16",
    "ImageNet16-120": "imagenet16",
}

# The accuracy of a constant prediction: one divided by the number of classes.
CHANCE = {"cifar10": 1 / 10, "cifar100": 1 / 100, "imagenet16": 1 / 120}

ROBBENCH_METRICS = {
    "val_acc": "clean",
    "val_fgsm_3_acc": "fgsm_3",
    "val_fgsm_3.0_acc": "fgsm_3",
    "val_pgd_3_acc": "pgd_3",
    "val_pgd_3.0_acc": "pgd_3",
    "val_fgsm_8_acc": "fgsm_8",
    "val_fgsm_8.0_acc": "fgsm_8",
    "val_pgd_8_acc": "pgd_8",
    "val_pgd_8.0_acc": "pgd_8",
    "autoattack": "autoattack",
}

JUNG_METRICS = {
    "clean": "clean",
    "aa_apgd-ce": "apgd",
    "aa_square": "square",
    "fgsm": "fgsm",
    "pgd": "pgd",
    "corr": "corruption",
}

_ATTACKS = {
    "fgsm": "FGSM",
    "pgd": "PGD",
    "apgd": "APGD",
    "square": "Square",
    "autoattack": "AutoAttack",
}


def metric_label(metric: str) -> str:
    """How a picture writes a metric; a name that is not known stays as it is.

    Args:
        metric: Name of the metric, as in the module's tables.

    Example:
        >>> [metric_label(name) for name in ("clean", "pgd_8", "fgsm_0.5", "autoattack", "pgd_own")]
        ['clean', 'PGD 8/255', 'FGSM 0.5/255', 'AutoAttack', 'pgd_own']
    """
    attack, underscore, number = metric.partition("_")
    known = attack in _ATTACKS or attack == "corruption"
    if not known or (underscore and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", number)):
        return metric
    if attack == "corruption":
        return f"corruptions, severity {number}" if number else "corruptions"
    return f"{_ATTACKS[attack]} {number}/255" if number else _ATTACKS[attack]
