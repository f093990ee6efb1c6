# What the room gives; each name is imported when it is first used.
from .apgd import apgd as apgd, apgd_ce as apgd_ce, apgd_dlr as apgd_dlr, apgd_t as apgd_t
from .attacks import ATTACKS as ATTACKS, Attack as Attack, attack as attack
from .autoattack import autoattack as autoattack
from .checklist import Checklist as Checklist, Criterion as Criterion, checklist as checklist
from .evaluation import (
    Accuracy as Accuracy,
    AttackResult as AttackResult,
    Evaluation as Evaluation,
    accuracy_by_class as accuracy_by_class,
    evaluate as evaluate,
    predictions as predictions,
)
from .fab import fab_t as fab_t
from .fgsm import fgsm as fgsm
from .pgd import pgd as pgd
from .spec import (
    BALLS as BALLS,
    AttackSpec as AttackSpec,
    check_in_kernels as check_in_kernels,
    check_radius as check_radius,
    check_read as check_read,
    settings_of as settings_of,
)
from .square import square as square
from .staged import StagedAttack as StagedAttack
