"""The simulated provider's images, audio and moderations, as the official client sees them."""

from pathlib import Path

import openai
import pytest

from local.provider.behaviour import Defaults
from local.provider.provider import Provider
from local.provider.server import start_server
from local.provider.tokens import RuleCounter
from local.provider.truth import TruthCall, TruthLog, read_truth


async def test_media_answer_and_say_what_they_are_paid_by(tmp_path: Path) -> None:
    """Pictures, letters and seconds; forms are read like JSON, and orders are obeyed."""
    path = tmp_path / "truth.jsonl"
    log = TruthLog(path)

    def last() -> TruthCall:
        return read_truth(path)[-1]

    provider = Provider(log, defaults=Defaults(latency_ms=0), counter=RuleCounter())
    runner, port = await start_server(provider, 0)
    url = f"http://127.0.0.1:{port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as client:
        audio = ("a.mp3", b"x" * 10_000)
        edited = await client.images.edit(
            model="dall-e-2", prompt="a toll", image=("a.png", b"x"), n=2
        )
        assert edited.data is not None
        assert (len(edited.data), edited.usage) == (2, None)
        assert (last().endpoint, last().images) == ("image_edits", 2)
        spoken = await client.audio.speech.create(model="tts-1", voice="alloy", input="bom dia")
        assert spoken.content
        assert last().letters == len("bom dia")
        told = await client.audio.transcriptions.create(
            model="whisper-1", file=audio, response_format="verbose_json"
        )
        assert (told.duration, last().audio_ms) == (2.5, 2_500)
        await client.audio.transcriptions.create(
            model="whisper-1", file=audio, response_format="text"
        )
        judged = await client.moderations.create(model="omni-moderation-latest", input="bom dia")
        assert judged.id == last().response_id
        with pytest.raises(openai.APIStatusError):
            await client.images.edit(model="m", prompt="x [[status=503]]", image=("a.png", b"x"))
        assert (last().status, last().images) == (503, 0)
    await runner.cleanup()
    log.close()
