# semantic-kernel's AzureRealtimeWebsocket with a plugin whose function the kernel calls by itself. Usage: semantic_kernel_client.py WAY HOST TOKEN
import asyncio
import base64
import json
import sys

from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import AzureRealtimeExecutionSettings, AzureRealtimeWebsocket
from semantic_kernel.contents import AudioContent, RealtimeAudioEvent, RealtimeEvent, RealtimeTextEvent, TextContent
from semantic_kernel.functions import kernel_function

from talk import serve

CALLED = []


class Screen:
    @kernel_function(name="show_on_screen", description="Shows a text on the screen.")
    def show_on_screen(self, text: str) -> str:
        CALLED.append({"name": "show_on_screen", "arguments": json.dumps({"text": text})})
        return "it is on screen now"


class Talker:
    def __init__(self, client):
        self.client = client
        self.events = client.receive()

    async def answer(self):
        """A response that only called a function has no words: the next one has."""
        text, audio, heard = "", 0, None
        async for event in self.events:
            match event:
                case RealtimeTextEvent():
                    text += event.text.text
                case RealtimeAudioEvent():
                    audio += len(event.audio.data)
                case RealtimeEvent(service_type="error"):
                    raise RuntimeError(str(event.service_event.error))
                case RealtimeEvent(service_type="conversation.item.input_audio_transcription.completed"):
                    heard = event.service_event.transcript
                case RealtimeEvent(service_type="response.done") if text:
                    break
        answer = {"text": text, "audioBytes": audio}
        return {**answer, "heard": heard} if heard is not None else answer

    async def ask(self, text):
        await self.client.send(RealtimeTextEvent(service_type="conversation.item.create", text=TextContent(text=text)))
        await self.client.send(RealtimeEvent(service_type="response.create"))
        return await self.answer()

    async def speak(self, pcm):
        for at in range(0, len(pcm), 4800):
            await self.client.send(RealtimeAudioEvent(audio=AudioContent(data=base64.b64encode(pcm[at : at + 4800]).decode(), data_format="base64")))
        return await self.answer()

    async def own_tool(self, text):
        CALLED.clear()
        return {**await self.ask(text), "called": list(CALLED)}


async def main():
    way, host, token = sys.argv[1:4]
    credential = {"api_key": token} if way == "key" else {"ad_token": token}
    kernel = Kernel()
    kernel.add_plugin(Screen(), plugin_name="screen")
    settings = AzureRealtimeExecutionSettings(
        instructions="The relay has its own.", voice="alloy", output_modalities=["audio"], function_choice_behavior=FunctionChoiceBehavior.Auto()
    )
    client = AzureRealtimeWebsocket(endpoint=f"https://{host}", deployment_name="voice", api_version="2025-04-01-preview", **credential)
    async with client(settings=settings, kernel=kernel, create_response=False):
        await serve(Talker(client))


asyncio.run(main())
