"""Choose a training-free ranking on a fifth of the architectures, and confirm it elsewhere.

    python -m experiments.ranking runs/standard --truth NAS-RobBench-201_html.json acc.json
    python -m experiments.ranking --precomputed --truth NAS-RobBench-201_html.json acc.json

Candidates are the scores of finished runs, averaged over their draws and turned by their direction.
A ranking is a sum of ranks of different scores. `ntknas.evaluation.protocol` chooses it, and says
what it is worth: on the other fifths, if chosen on other fifths, on other data sets, in each draw
alone, and on other networks. The number of parameters and rankings with names stand beside it.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

import ntknas
from experiments.command import by_name, clear_errors
from ntknas.evaluation import (
    RANKINGS,
    Aim,
    candidates,
    candidates_by_draw,
    confirm,
    formula,
    protocol,
    with_reversed,
)
from ntknas.kernel import KernelName
from ntknas.report import check_output, output_file
from ntknas.runs import Precomputed
from ntknas.scores import ScoreKind, score_names

__all__ = ["RankingConfig", "report", "taking_part"]


@dataclass(frozen=True)
class RankingConfig:
    """What to search, and on what.

    Attributes:
        runs: Folders of finished runs. Architectures that all of them hold take part. None means
            the precomputed table.
        truth: Files of published accuracies. The ranking is chosen by the first.
        dataset: Dataset of the first truth that the ranking is chosen by.
        metrics: Metrics of the first truth that the ranking is chosen by, by the mean rank.
        floor: Least clean accuracy of the architectures that count.
        below: Whether those below the floor are left "out" or come "last".
        proxies: Whether zero-cost proxies are candidates.
        parts: Whether scores of parts of a kernel are candidates.
        attacked: Whether scores of attacked and mixed kernels are candidates.
        counts: Whether counts of the graph and sizes are candidates.
        signs: Whether scores may count in reverse.
        terms: Largest number of scores in a sum.
        beam: Number of sums kept from one length to the next.
        halves: Number of random halves of the development part, each chosen on and judged on once.
        resamples: Number of resamples of the intervals.
        seed: Seed of the halves and of the resamples.
    """

    runs: tuple[Path, ...]
    truth: tuple[Path, ...]
    dataset: str = "cifar10"
    metrics: tuple[str, ...] = ("pgd_8", "fgsm_8", "autoattack")
    floor: float = 0.0
    below: Literal["out", "last"] = "out"
    proxies: bool = False
    parts: bool = False
    attacked: bool = True
    counts: bool = True
    signs: bool = False
    terms: int = 7
    beam: int = 30
    halves: int = 12
    resamples: int = 1000
    seed: int = 0


def report(config: RankingConfig) -> tuple[dict[str, Any], pd.DataFrame]:
    """Choose on the first fifth, and confirm.

    Args:
        config: What to search, and on what.

    Returns:
        The choice: "chosen", the formula; "lengths", quality by number of terms on the halves not
        chosen on; "of_length", the best sum of each length; "development", Spearman of the ranking
        on its fifth, over all and within the best tenth. And the table of the protocol, with the
        rows of the number of parameters and of the named rankings behind those of the choice.

    Raises:
        InputError: For a run or a truth that cannot be read, two truths of one name, or too few
            architectures.
    """
    runs: list[ntknas.Run | Precomputed] = [ntknas.Run(path) for path in config.runs]
    runs = runs or [ntknas.load_precomputed()]
    truths = {name: ntknas.load_truth(path) for name, path in by_name(config.truth).items()}
    aim = Aim(config.truth[0].name, config.dataset, config.metrics, config.floor, config.below)
    every = candidates(runs)
    kept = taking_part(map(str, every), config)
    draws = candidates_by_draw(runs, kept)
    table = with_reversed(every[kept]) if config.signs else every[kept]
    chosen, rows = protocol(
        table,
        truths,
        aim,
        draws=draws,
        terms=config.terms,
        beam=config.beam,
        halves=config.halves,
        resamples=config.resamples,
        seed=config.seed,
    )
    rows.insert(0, "name", "chosen")
    others: dict[str, tuple[str, ...]] = {"params": ("params",)}
    for name, ranking in RANKINGS.items():
        others[name] = tuple(
            f"{'' if sign > 0 else '-'}{term}"
            for term, sign in zip(ranking.formula.terms, ranking.formula.signs, strict=True)
        )
    by_draw = candidates_by_draw(runs, list(map(str, every)))
    tables = [rows]
    for name, terms in others.items():
        if {term.removeprefix("-") for term in terms} <= set(every):
            of_other = confirm(
                *(terms, every, truths, aim),
                draws=by_draw,
                resamples=config.resamples,
                seed=config.seed,
            )
            tables.append(of_other.assign(name=name, ranking=formula(terms)))
    choice = {
        "chosen": formula(chosen.chosen),
        "of_length": [formula(names) for names in chosen.of_length],
        "lengths": chosen.lengths.rename_axis("terms").reset_index().to_dict(orient="records"),
        "development": {"n": chosen.n, "all": chosen.spearman, "top": chosen.spearman_top},
    }
    return choice, pd.concat(tables, ignore_index=True)


def taking_part(names: Iterable[str], config: RankingConfig) -> list[str]:
    """The candidates that the settings let take part.

    Args:
        names: Names of all candidates, as `ntknas.evaluation.candidates` gives them.
        config: Which kinds of candidates take part.
    """
    counts = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE))
    proxies = score_names(ScoreKind.PROXY)
    return [
        name
        for name in names
        if (config.counts or name not in counts)
        and (config.parts or not _of_part(name))
        and (config.attacked or _of_clean(name))
        and (config.proxies or name.rpartition("/")[2] not in proxies)
    ]


def _of_part(name: str) -> bool:
    """Whether a candidate is a score of a part of a kernel."""
    return "@" in name and "." in name.partition("@")[2].partition(":")[0]


def _of_clean(name: str) -> bool:
    """Whether a candidate is a score of the clean kernel, or of no kernel."""
    kernel = name.partition("@")[2].partition(":")[0].partition(".")[0]
    return kernel in ("", KernelName.CLEAN)


def main() -> None:
    """Parse the flags, run, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("runs", type=Path, nargs="*", default=[], help="folders of finished runs")
    source.add_argument("--precomputed", action="store_true", help="the table in the package")
    parser.add_argument(
        "--truth", type=Path, nargs="+", required=True, help="published accuracies; chosen by first"
    )
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--metrics", nargs="+", default=RankingConfig.metrics)
    parser.add_argument("--floor", type=float, default=0.0, help="least clean accuracy")
    parser.add_argument(
        "--below",
        choices=("out", "last"),
        default="out",
        help="what becomes of those below the floor: left out (default), or last with accuracy 0",
    )
    parser.add_argument("--proxies", action="store_true", help="zero-cost proxies too")
    parser.add_argument("--parts", action="store_true", help="scores of parts of a kernel too")
    parser.add_argument("--clean-only", action="store_true", help="no attacked or mixed kernels")
    parser.add_argument("--kernels-only", action="store_true", help="no counts of the graph")
    parser.add_argument("--signs", action="store_true", help="scores may count in reverse")
    for name in ("terms", "beam", "halves", "resamples", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(RankingConfig, name))
    parser.add_argument("--out", type=Path, help="JSON")
    args = vars(parser.parse_args())
    out = args.pop("out")
    args.pop("precomputed")
    args["counts"] = not args.pop("kernels_only")
    args["attacked"] = not args.pop("clean_only")
    for name in ("runs", "truth", "metrics"):
        args[name] = tuple(args[name])
    config = RankingConfig(**args)
    with clear_errors(parser.prog):
        if out:
            check_output(out)
        choice, table = report(config)
        print(json.dumps(choice, indent=1))
        print(table.drop(columns="ranking").round(3).to_string(index=False))
        if out:
            rows = table.to_dict(orient="records")
            content = {"config": asdict(config), **choice, "table": rows}
            with output_file(out) as temporary:
                temporary.write_text(json.dumps(content, indent=1, default=str))


if __name__ == "__main__":
    main()
