"""The experiment runs, on a tiny network, and compares with the published figures."""

from dataclasses import replace

import ntknas
from experiments.clean_kernels import PUBLISHED, CleanKernelsConfig, run
from ntknas.kernel import Batch
from ntknas.network import Norm


def test_run(tmp_path, data_file):
    network = ntknas.NetworkSpec(channels=4, cells=1, norm=Norm.IMAGE)
    config = CleanKernelsConfig(
        data=data_file("cifar10/cifar10_subset.npz"),
        truth=data_file("robbench/NAS-RobBench-201_html.json"),
        out=tmp_path / "run",
        archs="random:12",
        spec=ntknas.ScoringSpec(batch_size=6, kernels=(Batch.CLEAN,), network=network),
    )
    table = run(config)
    assert set(table["score"]) == {*PUBLISHED, "params", "flops"}
    assert set(table["metric"]) == {"clean", "fgsm_3", "pgd_3", "fgsm_8", "pgd_8", "autoattack"}
    assert (table["n"] == 12).all()
    assert table["spearman"].between(-1, 1).all()
    row = table.query("score == 'cond@clean' and metric == 'pgd_8'").iloc[0]
    assert (row["reference"], row["published"]) == (0.715, 0.755)
    # The same run again computes nothing and gives the same.
    assert run(replace(config)).equals(table)
