"""A_rho(x): adversarial attacks on images in pixel space."""

from ntknas.attack.gradient import attack, fgsm, pgd
from ntknas.attack.spec import AttackName, AttackSpec

__all__ = ["AttackName", "AttackSpec", "attack", "fgsm", "pgd"]
