# LiveKit's realtime class straight at the simulator, or at a relay, as its AgentSession drives it. Usage: direct_livekit.py WAY HOST KEY
import asyncio
import contextlib
import sys

import aiohttp
from livekit import rtc
from livekit.agents import llm
from livekit.plugins.openai.realtime import RealtimeModel

from talk import serve
from weather import DESCRIPTION, WEATHER, weather_in


def model(way, host, key, http):
    if way in ("openai", "relay"):
        return RealtimeModel(base_url=f"http://{host}/v1", api_key=key, model="gpt-realtime", http_session=http)
    if way == "azure":
        return RealtimeModel.with_azure(azure_endpoint=f"http://{host}", azure_deployment="voice", api_key=key, http_session=http)
    if way == "azure-preview":
        return RealtimeModel.with_azure(
            azure_endpoint=f"http://{host}", azure_deployment="voice", api_version="2025-04-01-preview", api_key=key, http_session=http
        )
    raise SystemExit(f"unknown way {way}")


@llm.function_tool(name=WEATHER["name"], description=DESCRIPTION)
async def get_weather(city: str) -> str:
    return weather_in(city)


async def read(generation):
    text, audio, calls = "", 0, []

    async def messages():
        nonlocal text, audio
        async for message in generation.message_stream:

            async def words(stream=message.text_stream):
                nonlocal text
                async for chunk in stream:
                    text += chunk

            async def sound(stream=message.audio_stream):
                nonlocal audio
                async for frame in stream:
                    audio += len(frame.data) * 2

            await asyncio.gather(words(), sound())

    async def functions():
        async for call in generation.function_stream:
            calls.append(call)

    await asyncio.gather(messages(), functions())
    return {"text": text, "audioBytes": audio}, calls


class Talker:
    def __init__(self, session):
        self.session = session
        self.errors = []
        session.on("error", self.errors.append)

    def next(self, name):
        """Resolves with the next event of that name, or fails with the library's own error."""
        future = asyncio.get_running_loop().create_future()
        self.session.once(name, lambda event: future.set_result(event))
        return future

    def microphone(self, pcm):
        for at in range(0, len(pcm), 4800):
            piece = pcm[at : at + 4800]
            self.session.push_audio(rtc.AudioFrame(piece, 24000, 1, len(piece) // 2))

    async def say(self, text):
        chat = self.session.chat_ctx.copy()
        chat.add_message(role="user", content=text)
        await self.session.update_chat_ctx(chat)
        return await self.session.generate_reply()

    async def ask(self, text):
        return (await read(await self.say(text)))[0]

    async def speak(self, pcm):
        generated = self.next("generation_created")
        heard = asyncio.get_running_loop().create_future()
        self.session.on("input_audio_transcription_completed", lambda event: event.is_final and not heard.done() and heard.set_result(event.transcript))
        self.microphone(pcm)
        answer, _ = await read(await generated)
        return {**answer, "heard": await heard}

    async def call(self, text):
        _, calls = await read(await self.say(text))
        chat = self.session.chat_ctx.copy()
        called = []
        for call in calls:
            output = await get_weather(**llm.utils.function_arguments_to_pydantic_model(get_weather).model_validate_json(call.arguments).model_dump())
            chat.items.append(llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output=output, is_error=False))
            called.append({"name": call.name, "arguments": call.arguments})
        await self.session.update_chat_ctx(chat)
        answer, _ = await read(await self.session.generate_reply())
        return {**answer, "called": called}

    async def interrupt(self, text, pcm):
        generation = await self.say(text)
        message = await anext(aiter(generation.message_stream))
        audio = aiter(message.audio_stream)
        await anext(audio)
        generated = self.next("generation_created")
        self.microphone(pcm)
        async for _ in audio:
            pass
        self.session.truncate(message_id=message.message_id, modalities=["audio", "text"], audio_end_ms=100)
        return (await read(await generated))[0]


async def main():
    way, host, key = sys.argv[1:4]
    async with aiohttp.ClientSession() as http, contextlib.aclosing(model(way, host, key, http)) as realtime, contextlib.aclosing(realtime.session()) as session:
        await session.update_tools([get_weather])
        talker = Talker(session)
        await serve(talker)
        assert not talker.errors, talker.errors
        if way == "relay":
            return
        kinds = [item.role if item.type == "message" else item.type for item in session.chat_ctx.items]
        turn = ["user", "assistant"]
        assert kinds == [*turn, *turn, "user", "function_call", "function_call_output", "assistant", *turn, *turn], kinds


asyncio.run(main())
