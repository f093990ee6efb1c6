# What the room gives; each name is imported when it is first used.
from .bundled import (
    WEIGHT_GRADIENTS as WEIGHT_GRADIENTS,
    bundled_conv_norm as bundled_conv_norm,
    bundled_gram as bundled_gram,
    bundled_linear as bundled_linear,
    bundled_norm_layer as bundled_norm_layer,
)
from .gram import (
    LayerProducts as LayerProducts,
    ProbedFn as ProbedFn,
    assemble as assemble,
    chained_gram as chained_gram,
    joint_blocks as joint_blocks,
    layers_of as layers_of,
    logit_directions as logit_directions,
    ntk as ntk,
    parameter_path as parameter_path,
    probed_gram as probed_gram,
    zero_probes as zero_probes,
)
from .jacobians import ApplyFn as ApplyFn, jacobian as jacobian
from .joint import JointGram as JointGram
from .layerwise import (
    ConvNormWeights as ConvNormWeights,
    Probe as Probe,
    conv_norm as conv_norm,
    conv_norm_rows as conv_norm_rows,
    linear as linear,
    norm_layer as norm_layer,
    norm_products as norm_products,
    products as products,
)
from .names import (
    Batch as Batch,
    KernelName as KernelName,
    Logits as Logits,
    check_beta as check_beta,
)
from .parameters import (
    SplitNetwork as SplitNetwork,
    check_logits as check_logits,
    check_separate_images as check_separate_images,
    split_network as split_network,
)
from .parts import (
    PARTS as PARTS,
    Grams as Grams,
    Layers as Layers,
    layers_of_paths as layers_of_paths,
)
from .robust import (
    attacked_batches as attacked_batches,
    joint_batches as joint_batches,
    kernel_blocks as kernel_blocks,
    robust_gram as robust_gram,
)
