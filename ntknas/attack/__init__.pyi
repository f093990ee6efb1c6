# What the room gives; each name is imported when it is first used.
from .attacks import ATTACKS as ATTACKS, Attack as Attack, attack as attack
from .fgsm import fgsm as fgsm
from .pgd import pgd as pgd
from .spec import AttackSpec as AttackSpec, check_radius as check_radius
