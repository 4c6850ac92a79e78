"""All Greeks of a path-dependent option by Monte Carlo, in constant memory.

    python -m examples.greeks                        100,000,000 paths on this machine
    python -m examples.greeks --workers 2            the same on a cluster of local processes
    python -m examples.greeks --scheduler tcp://…    the same on yours

An Asian call pays what the mean of a share's price at 12 dates exceeds the strike by. The price and
its derivatives with respect to spot, volatility, rate, strike and maturity are one pass over the
paths, which are made where they are used: no path is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from autograd import compile, exp, maximum, mean, sqrt, value_and_grad
from autograd.cluster import normals

DATES = 12
MARKET = {"spot": 100.0, "volatility": 0.2, "rate": 0.03, "strike": 100.0, "maturity": 1.0}
GREEKS = {"spot": "delta", "volatility": "vega", "rate": "rho", "strike": "by strike"}


def payoff(market: dict[str, Any], steps: Sequence[Any]) -> Any:
    """The discounted payoff on one path of the share's price."""
    step = market["maturity"] / DATES
    drift = (market["rate"] - 0.5 * market["volatility"] ** 2) * step
    spread = market["volatility"] * sqrt(step)
    logarithm, prices = 0.0, []
    for z in steps:
        logarithm = logarithm + drift + spread * z
        prices.append(market["spot"] * exp(logarithm))
    gain = maximum(mean(prices) - market["strike"], 0.0)
    return exp(-market["rate"] * market["maturity"]) * gain


def greeks(paths: int, client: Any = None, seed: int = 7) -> tuple[float, dict[str, float]]:
    """The price, and its derivative with respect to each part of the market."""
    price = compile(value_and_grad(payoff), in_axes=(None, 0), reduce="mean", cluster=client)
    value, slopes = price(MARKET, normals(seed, paths, DATES))
    return value, slopes


def main(arguments: Sequence[str] | None = None) -> tuple[float, dict[str, float]]:
    """Compute and print them."""
    parser = argparse.ArgumentParser(description="The Greeks of an Asian call.")
    parser.add_argument("--paths", type=int, default=100_000_000)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--scheduler")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        client = connected(stack, options.scheduler, options.workers)
        value, slopes = greeks(options.paths, client)
    print(f"price     {value:.6f}")
    for name, slope in slopes.items():
        print(f"{GREEKS.get(name, f'by {name}'):10}{slope:.6f}")
    return value, slopes


def connected(stack: ExitStack, scheduler: str | None, workers: int) -> Any:
    """A client of a scheduler, or of as many local workers; None without either."""
    if not (scheduler or workers):
        return None
    import distributed

    if scheduler is None:
        scheduler = stack.enter_context(
            distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            )
        )
    return stack.enter_context(distributed.Client(scheduler))


if __name__ == "__main__":
    main()
