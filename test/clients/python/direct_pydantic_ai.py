# pydantic-ai's realtime sessions straight at the simulator, or at a relay. Usage: direct_pydantic_ai.py WAY HOST KEY
import asyncio
import sys

from pydantic_ai import Agent
from pydantic_ai.messages import FunctionToolCallEvent, PartEndEvent, RealtimeSessionErrorEvent, RealtimeTurnCompleteEvent, SpeechPart
from pydantic_ai.providers.azure import AzureProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime.azure import AzureRealtimeModel
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

from talk import serve
from weather import DESCRIPTION, weather_in

agent = Agent(instructions="Answer shortly.")


@agent.tool_plain(description=DESCRIPTION)
def get_weather(city: str) -> str:
    return weather_in(city)


def model(way, host, key):
    if way in ("openai", "relay"):
        return OpenAIRealtimeModel("gpt-realtime-2.1", provider=OpenAIProvider(base_url=f"http://{host}/v1", api_key=key))
    azure = AzureProvider(azure_endpoint=f"https://{host}", api_key=key, api_version="2025-04-01-preview")
    if way == "azure":
        return AzureRealtimeModel("voice", provider=azure)
    if way == "voice-live":
        return AzureRealtimeModel("gpt-realtime", provider=azure, settings={"azure_voice_live": True})
    raise SystemExit(f"unknown way {way}")


class Talker:
    def __init__(self, session):
        self.session = session
        self.events = aiter(session)
        self.audio_bytes = 0
        self.first_sound = asyncio.Event()
        self.speaker = asyncio.Event()
        self.speaker.set()

    async def play(self):
        """A speaker that can be held in the middle of a sound: what was not played yet is what the library cuts."""
        async for chunk in self.session.stream_audio():
            self.audio_bytes += len(chunk)
            self.first_sound.set()
            await self.speaker.wait()

    async def answer(self):
        before, text, heard, called = self.audio_bytes, "", None, []
        async for event in self.events:
            match event:
                case RealtimeSessionErrorEvent():
                    raise RuntimeError(str(event))
                case PartEndEvent(part=SpeechPart(speaker="user") as part):
                    heard = part.transcript
                case PartEndEvent(part=SpeechPart() as part):
                    text += part.transcript or ""
                case FunctionToolCallEvent(part=part):
                    called.append({"name": part.tool_name, "arguments": part.args_as_json_str()})
                case RealtimeTurnCompleteEvent():
                    break
        answer = {"text": text, "audioBytes": self.audio_bytes - before, "called": called}
        return {**answer, "heard": heard} if heard is not None else answer

    async def ask(self, text):
        await self.session.send(text)
        return await self.answer()

    call = ask

    async def microphone(self, pcm):
        for at in range(0, len(pcm), 4800):
            await self.session.send_audio(pcm[at : at + 4800])

    async def speak(self, pcm):
        await self.microphone(pcm)
        return await self.answer()

    async def interrupt(self, text, pcm):
        self.first_sound.clear()
        self.speaker.clear()
        await self.session.send(text)
        await self.first_sound.wait()
        await self.microphone(pcm)
        await self.answer()
        self.speaker.set()
        return await self.answer()


async def main():
    way, host, key = sys.argv[1:4]
    async with agent.realtime(model(way, host, key)).session(handle_barge_in=True) as session:
        talker = Talker(session)
        playing = asyncio.create_task(talker.play())
        await serve(talker)
        playing.cancel()


asyncio.run(main())
