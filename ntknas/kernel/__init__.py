"""Neural tangent kernels: Jacobians, joint Gram matrices, closed-form mixing."""

from ntknas.kernel.blocks import Batch, Kernel, KernelBlocks
from ntknas.kernel.gram import Logits, chained_gram, ntk
from ntknas.kernel.jacobian import jacobian
from ntknas.kernel.robust import attacked_batches, joint_grams, kernel_blocks, robust_gram

__all__ = [
    "Batch",
    "Kernel",
    "KernelBlocks",
    "Logits",
    "attacked_batches",
    "chained_gram",
    "jacobian",
    "joint_grams",
    "kernel_blocks",
    "ntk",
    "robust_gram",
]
