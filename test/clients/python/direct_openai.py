# The official Python library straight at the simulator, or at a relay, over plain `ws`. Usage: direct_openai.py WAY HOST KEY
import asyncio
import base64
import json
import sys

from openai import AsyncAzureOpenAI, AsyncOpenAI

from openai_client import Talker
from talk import serve
from weather import WEATHER, weather_in


def connection(way, host, key):
    if way in ("openai", "relay"):
        return AsyncOpenAI(base_url=f"http://{host}/v1", api_key=key).realtime.connect(model="gpt-realtime")
    if way == "azure":
        return AsyncOpenAI(base_url=f"http://{host}/openai/v1", api_key=key).realtime.connect(model="voice")
    if way == "azure-preview":
        client = AsyncAzureOpenAI(azure_endpoint=f"http://{host}", websocket_base_url=f"ws://{host}/openai", api_key=key, api_version="2025-04-01-preview")
        return client.realtime.connect(model="voice")
    raise SystemExit(f"unknown way {way}")


TOOLS = [{"type": "function", **WEATHER}]
GA = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}},
    "tools": TOOLS,
}
PREVIEW = {"modalities": ["text", "audio"], "input_audio_transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}, "tools": TOOLS}


class DirectTalker(Talker):
    async def until(self, *types):
        async for event in self.socket:
            if event.type == "error":
                raise RuntimeError(event.error.message)
            if event.type in types:
                return event

    async def call(self, text):
        first, calls = await self.say(text)
        for call in calls:
            output = weather_in(**json.loads(call.arguments))
            await self.socket.conversation.item.create(item={"type": "function_call_output", "call_id": call.call_id, "output": output})
        await self.socket.response.create()
        return {**(await self.answer())[0], "called": first["called"]}

    async def interrupt(self, text, pcm):
        await self.socket.conversation.item.create(item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
        await self.socket.response.create()
        speaking = await self.until(self.audio)
        for at in range(0, len(pcm), 4800):
            await self.socket.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 4800]).decode())
        await self.until("input_audio_buffer.speech_started")
        await self.socket.conversation.item.truncate(item_id=speaking.item_id, content_index=speaking.content_index, audio_end_ms=100)
        cut = await self.until("response.done")
        assert cut.response.status == "cancelled", cut.response.status
        return (await self.answer())[0]


async def main():
    way, host, key = sys.argv[1:4]
    preview = way == "azure-preview"
    async with connection(way, host, key) as socket:
        talker = DirectTalker(socket, preview)
        await talker.until("session.created")
        await socket.session.update(session=PREVIEW if preview else GA)
        await talker.until("session.updated")
        await serve(talker)


asyncio.run(main())
