"""`make run`: starts the whole system, tells its story live, then serves until Ctrl-C.

What ends by itself meanwhile, or is killed by hand, is started again. With `--once` it ends after the
story, and the exit status says whether the books agree to the nano.
Each run starts with empty books; the secrets in the state folder stay.
"""

import argparse
import asyncio
import contextlib
import signal
import sys

import asyncpg
import grpc
import httpx
from rich.console import Console

from local.keeper import Keeper
from local.preflight import problems, this_machine
from local.process import ChildError
from local.stack import Options, Stack
from local.state import StateError
from local.story.chat import StoryError
from local.story.screen import Screen
from local.story.tale import CLIENT, MARIA, Ending, Tale

INTERRUPTED = 130
EXPECTED = (ChildError, StateError, StoryError)
# What the system itself may answer with when something in it is broken.
BROKEN = (grpc.aio.AioRpcError, httpx.HTTPError, asyncpg.PostgresError, OSError)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story")
    parser.add_argument("--without-redis", action="store_true", help="leave Redis out")
    return parser.parse_args()


async def run(options: Options, screen: Screen, *, once: bool) -> int:
    """Start, tell, serve until told to stop; returns the exit status, 1 when a part kept ending."""
    loop = asyncio.get_running_loop()
    main_task = asyncio.current_task()
    assert main_task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, main_task.cancel)
    stack = Stack(options)
    stack.take()
    screen.chapter(f"Starting everything in {options.state}")
    with screen.waiting("  LiteLLM takes longest, about ten seconds"):
        await stack.start()
    try:
        ending = await Tale(stack, screen).tell()
        if once:
            return 0 if ending.good else 1
        show_ways_in(stack, screen, ending)
        await Keeper(stack.dead, screen.line).run()
        return 1
    finally:
        await stack.stop()


def show_ways_in(stack: Stack, screen: Screen, ending: Ending) -> None:
    """Addresses, and two lines ready to try."""
    screen.chapter("It keeps running: Ctrl-C stops it")
    screen.line("what you kill is started again a little later")
    for name, address in (
        ("Envoy", f"{stack.envoy_url}/v1"),
        ("admin", f"{stack.admin_address} (gRPC)"),
        ("pages", f"{stack.web_url}/my (a refusal in the chat carries an address of its own)"),
        ("metrics", " ".join(stack.metrics_urls)),
        ("Postgres", stack.database_url.rpartition("@")[2]),
        ("logs", str(stack.state_folder / "logs")),
    ):
        screen.line(f"{name:<10} {address}")
    body = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Oi!"}]}'
    screen.line("")
    screen.line(
        f"curl {stack.envoy_url}/v1/chat/completions -H 'authorization: Bearer {ending.key}' "
        f"-H 'x-user-id: {MARIA}' -H 'content-type: application/json' -d '{body}'"
    )
    cli = f". {stack.environment_file} && .venv/bin/pedagio"
    screen.line(f"{cli} statement {CLIENT} {MARIA}")
    screen.line("")
    screen.line(
        f"the administrators' pages are at {stack.web_url}; an address to sign in with, good once:"
    )
    screen.line(
        f"{cli} admin add you@example.com --role operator --role treasurer --reason 'to look'"
    )
    screen.line(f"{cli} admin invite you@example.com --reason 'to look'")


def main() -> int:
    """Run; every expected failure is one readable sentence."""
    options = parse()
    console = Console(highlight=False)
    screen = Screen(console)
    stands_in_the_way = problems(this_machine())
    if stands_in_the_way:
        for sentence in stands_in_the_way:
            print(f"cannot run here: {sentence}.", file=sys.stderr)
        return 1
    chosen = Options(report=screen.started, redis=not options.without_redis)
    try:
        return asyncio.run(run(chosen, screen, once=options.once))
    except EXPECTED as error:
        print(f"\n{error}", file=sys.stderr)
    except BROKEN as error:
        print(f"\nthe system did not answer as it should: {error}", file=sys.stderr)
        if (logs := chosen.state / "logs").is_dir():
            print(f"logs: {logs}", file=sys.stderr)
    except (asyncio.CancelledError, KeyboardInterrupt):
        with contextlib.suppress(OSError):
            print("\nstopped")
        return 0 if not options.once else INTERRUPTED
    return 1


if __name__ == "__main__":
    sys.exit(main())
