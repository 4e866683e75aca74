#!/usr/bin/env python3
"""What scipy and statsmodels say, for checking `trainmark_statistics`.

    pip install -r requirements.txt
    python generate.py             # writes expected.json beside this script
    python generate.py --check     # writes nothing: compares with a fresh computation

Made with Python 3.11 and the versions in requirements.txt. Every random number comes
from one seeded generator. The resamples of a bootstrap are stored where its bounds
are to agree to rounding; elsewhere scipy draws its own, many more than we do.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

HERE = Path(__file__).resolve().parent
FILE = HERE / "expected.json"


def distributions() -> dict:
    parts = [1e-4, 0.001, 0.025, 0.1, 0.3, 0.5, 0.75, 0.9, 0.975, 0.9995]
    return {
        "normal_quantile": [[p, stats.norm.ppf(p)] for p in parts],
        "normal_cdf": [[x, stats.norm.cdf(x)] for x in (-8.0, -3.2, -1.0, -0.01, 0.0, 0.5, 1.96, 4.0)],
        "student_quantile": [
            [p, df, stats.t.ppf(p, df)] for df in (1, 2, 3, 4, 9, 19, 49, 199) for p in parts if p != 0.5
        ],
        "student_two_sided": [
            [t, df, 2 * stats.t.sf(abs(t), df)]
            for df in (1, 2, 4, 9, 19, 99)
            for t in (-30.0, -2.5, 0.001, 0.7, 2.0, 4.3, 12.7, 150.0)
        ],
    }


def pairs(generator, seeds: int, ratio: float, noise: float) -> tuple:
    shared = 0.1 * generator.standard_normal(seeds)
    subject = ratio * 20 * np.exp(shared + noise * generator.standard_normal(seeds))
    baseline = 20 * np.exp(shared + noise * generator.standard_normal(seeds))
    return subject, baseline


def student(generator) -> list:
    """Paired t test of logarithms and of plain values, with their intervals."""
    cases = []
    for seeds in (2, 3, 5, 10, 20):
        for ratio, noise in ((1.0, 0.02), (1.03, 0.02), (0.5, 0.005)):
            subject, baseline = pairs(generator, seeds, ratio, noise)
            ratios = stats.ttest_rel(np.log(subject), np.log(baseline))
            bounds = ratios.confidence_interval(0.95)
            plain = stats.ttest_rel(subject, baseline)
            plain_bounds = plain.confidence_interval(0.95)
            own = stats.t.interval(0.95, seeds - 1, subject.mean(), stats.sem(subject))
            cases.append({
                "pairs": np.stack([subject, baseline], 1).tolist(),
                "ratio": [stats.gmean(subject / baseline), math.exp(bounds.low), math.exp(bounds.high), ratios.pvalue],
                "difference": [(subject - baseline).mean(), plain_bounds.low, plain_bounds.high, plain.pvalue],
                "own": [subject.mean(), *own],
            })  # fmt: skip
    return cases


def rounds(generator) -> list:
    """Cells in rounds, some of them missing: the noise that two cells are compared with is
    made of their own and of the residual of statsmodels' fit of log value = cell + round."""
    cases = []
    for cells, count, missing in (
        (2, 3, []), (3, 2, []), (3, 3, []), (4, 2, []), (8, 2, []), (6, 5, []), (4, 2, [(3, 1)]),
        (6, 4, [(0, 0), (2, 1), (2, 2), (5, 3)]), (5, 3, [(4, 1), (4, 2)]), (4, 30, [(1, 7)]),
    ):  # fmt: skip
        noise = 0.02 * generator.uniform(0.5, 2, (cells, 1)) * generator.standard_normal((cells, count))
        logarithms = generator.uniform(-0.1, 0.1, (cells, 1)) + 0.1 * generator.standard_normal(count) + noise
        for place in missing:
            logarithms[place] = np.nan
        cell, seed = np.nonzero(np.isfinite(logarithms))
        fit = sm.OLS(logarithms[cell, seed], np.hstack([np.eye(cells)[cell], np.eye(count)[seed, 1:]])).fit()
        pairs = [(subject, baseline) for subject in range(cells) for baseline in range(cells) if subject != baseline]
        compared = [[*pair, *ratio(logarithms[pair[0]] - logarithms[pair[1]], fit)] for pair in pairs]
        seconds = [[math.exp(value) if math.isfinite(value) else None for value in row] for row in logarithms]
        cases.append({"seconds": seconds, "pairs": [pair for pair in compared if len(pair) > 2]})
    return cases


def ratio(differences, fit) -> list:
    """Ratio, its ends, p-value and degrees of freedom; nothing below two rounds."""
    differences = differences[np.isfinite(differences)]
    rounds = len(differences)
    if rounds < 2:
        return []
    own, own_freedom = differences.var() * rounds / 2, rounds - 1
    others_freedom = round(fit.df_resid) - own_freedom
    counted = min(others_freedom / 2, 2.5)
    others = (fit.ssr - own) / others_freedom * counted if others_freedom else 0
    freedom = own_freedom + counted
    error = math.sqrt(2 * (own + others) / freedom / rounds)
    low, high = stats.t.interval(0.95, freedom, differences.mean(), error)
    p_value = 2 * stats.t.sf(abs(differences.mean()) / error, freedom)
    return [*np.exp([differences.mean(), low, high]).tolist(), p_value, freedom]


def given(indices) -> np.random.Generator:
    """A generator that hands scipy.stats.bootstrap the resamples we store."""

    class Given(np.random.Generator):
        def integers(self, low, high, size, **_):
            assert (low, high, size) == (0, indices.shape[1], indices.shape)
            return indices

    return Given(np.random.PCG64(0))


def bca(statistic, values, confidence, resamples, random) -> list:
    result = stats.bootstrap(
        (values,), statistic, method="BCa", confidence_level=confidence,
        n_resamples=resamples, batch=min(resamples, 10_000), rng=random,
    )  # fmt: skip
    return [result.confidence_interval.low, result.confidence_interval.high]


def given_resamples(generator) -> list:
    """BCa with resamples that are stored: bounds to agree to rounding.

    Not of fewer values: scipy does not see that two sums of the same numbers are
    equal where they were added in another order, and halves no such tie.
    """
    cases = []
    for seeds, confidence in ((10, 0.95), (10, 0.98), (17, 0.95)):
        values = generator.gamma(2.0, size=seeds)
        indices = generator.integers(0, seeds, (199, seeds))
        cases.append({
            "values": values.tolist(),
            "confidence": confidence,
            "resamples": indices.tolist(),
            "mean": bca(np.mean, values, confidence, 199, given(indices)),
            "median": bca(np.median, values, confidence, 199, given(indices)),
        })  # fmt: skip
    return cases


def drawn_resamples(generator) -> list:
    """BCa of means of log ratios, with 200 000 resamples of scipy's own."""
    cases = []
    for seeds, ratio, noise in ((30, 1.0, 0.02), (31, 1.03, 0.02), (40, 0.5, 0.1), (50, 1.0, 0.005)):
        subject, baseline = pairs(generator, seeds, ratio, noise)
        logarithms = np.log(subject / baseline)
        quantile = stats.t.ppf(0.975, seeds - 1) * math.sqrt(seeds / (seeds - 1))
        expanded = 2 * stats.norm.cdf(quantile) - 1
        bounds = bca(np.mean, logarithms, expanded, 200_000, generator)
        cases.append({
            "pairs": np.stack([subject, baseline], 1).tolist(),
            "interval": np.exp(bounds).tolist(),
            "p_value": stats.ttest_1samp(logarithms, 0).pvalue,
        })  # fmt: skip
    return cases


def holm(generator) -> list:
    families = [[0.01], [0.04, 0.01, 0.03], [0.5, 0.5, 0.9], [1e-6, 0.0, 1.0, 0.02, 0.02]]
    families += [(generator.random(size) ** 3).tolist() for size in (2, 7, 20)]
    return [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in families]


def sign_test() -> list:
    counts = [(0, 1), (1, 0), (2, 0), (5, 0), (0, 6), (3, 3), (7, 2), (2, 7), (12, 9), (80, 120), (0, 60)]
    return [[a, b, stats.binomtest(a, a + b).pvalue] for a, b in counts]


def expected() -> dict:
    generator = np.random.default_rng(20)
    return {
        **distributions(),
        "student": student(generator),
        "given_resamples": given_resamples(generator),
        "drawn_resamples": drawn_resamples(generator),
        "holm": holm(generator),
        "rounds": rounds(generator),
        "sign_test": sign_test(),
    }


def same(stored, fresh) -> bool:
    if isinstance(stored, dict):
        return stored.keys() == fresh.keys() and all(same(stored[key], fresh[key]) for key in stored)
    if isinstance(stored, list):
        return len(stored) == len(fresh) and all(map(same, stored, fresh))
    if stored is None or fresh is None:
        return stored is fresh
    return math.isclose(stored, fresh, rel_tol=1e-9, abs_tol=1e-300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    fresh = json.loads(json.dumps(expected()))
    if not parser.parse_args().check:
        lines = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in fresh.items())
        FILE.write_text(f"{{\n{lines}\n}}\n")
    elif not same(json.loads(FILE.read_text()), fresh):
        raise SystemExit(f"{FILE.name} does not hold what this script computes")


if __name__ == "__main__":
    main()
