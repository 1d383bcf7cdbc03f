"""Run the simulated provider as a process: `python -m local.provider --port 0 --log truth.jsonl`.

Prints `provider listening on 127.0.0.1:PORT` once it serves; SIGTERM and SIGINT stop it.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from local.provider.behaviour import Defaults
from local.provider.provider import Provider
from local.provider.server import start_server
from local.provider.truth import TruthLog


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; returns the exit status."""
    options = parse(arguments)
    log = TruthLog(options.log)
    provider = Provider(log, defaults=defaults_of(options))
    try:
        asyncio.run(_serve(provider, options.port))
    finally:
        log.close()
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    standard = Defaults()
    parser = argparse.ArgumentParser(prog="python -m local.provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--log", type=Path, required=True, help="file of ground truth")
    parser.add_argument("--latency-ms", type=float, default=standard.latency_ms)
    parser.add_argument("--tokens-per-second", type=float, default=standard.tokens_per_second)
    parser.add_argument(
        "--reasoning-tokens-per-second", type=float, default=standard.reasoning_tokens_per_second
    )
    parser.add_argument(
        "--reasoning-range", type=_range, default=standard.reasoning_range, metavar="LOW,HIGH"
    )
    parser.add_argument(
        "--answer-range", type=_range, default=standard.answer_range, metavar="LOW,HIGH"
    )
    parser.add_argument("--chunk-ms", type=float, default=standard.chunk_ms)
    parser.add_argument("--seed", type=int, default=standard.seed)
    parser.add_argument("--no-caching", action="store_true", help="never report cached tokens")
    return parser.parse_args(arguments)


def defaults_of(options: argparse.Namespace) -> Defaults:
    """The command line as defaults."""
    return Defaults(
        latency_ms=options.latency_ms,
        tokens_per_second=options.tokens_per_second,
        reasoning_tokens_per_second=options.reasoning_tokens_per_second,
        reasoning_range=options.reasoning_range,
        answer_range=options.answer_range,
        chunk_ms=options.chunk_ms,
        seed=options.seed,
        caching=not options.no_caching,
    )


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition(",")
    bounds = int(low), int(high or low)
    if not 0 <= bounds[0] <= bounds[1]:
        raise argparse.ArgumentTypeError(f"not a range: {text}")
    return bounds


async def _serve(provider: Provider, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner, real_port = await start_server(provider, port)
    print(f"provider listening on 127.0.0.1:{real_port}", flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
