# semantic-kernel's OpenAIRealtimeWebRTC and AzureRealtimeWebRTC, unmodified, over aiortc. Usage: semantic_kernel_webrtc.py WAY HOST TOKEN
import asyncio
import sys
import time
from fractions import Fraction

import numpy
from aiortc import MediaStreamTrack
from av import AudioFrame
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.open_ai import (
    AzureRealtimeExecutionSettings,
    AzureRealtimeWebRTC,
    OpenAIRealtimeExecutionSettings,
    OpenAIRealtimeWebRTC,
)
from semantic_kernel.contents import RealtimeAudioEvent, RealtimeEvent, RealtimeTextEvent, TextContent

from talk import serve

RATE = 24000
SAMPLES = RATE // 50


class Microphone(MediaStreamTrack):
    """Says what it is given, twenty milliseconds at a time, and is quiet otherwise."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.left = b""
        self.sent = 0
        self.began = None

    def say(self, pcm):
        self.left += pcm

    async def recv(self):
        self.began = self.began or time.monotonic()
        await asyncio.sleep(max(0, self.began + self.sent * 0.02 - time.monotonic()))
        pcm, self.left = self.left[: SAMPLES * 2], self.left[SAMPLES * 2 :]
        samples = numpy.frombuffer(pcm.ljust(SAMPLES * 2, b"\0"), dtype=numpy.int16).reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.sent * SAMPLES, Fraction(1, RATE)
        self.sent += 1
        return frame


# Frames with sound in them that show that the answer is heard.
LEAST_FRAMES = 10


class Talker:
    def __init__(self, client, microphone):
        self.client = client
        self.microphone = microphone
        self.events = client.receive()

    async def answer(self):
        """The channel shows no `response.done`: an answer is complete with its words, which are written sooner than said, and with some of its sound."""
        text, audio, heard, written = "", 0, None, False
        async for event in self.events:
            match event:
                case RealtimeTextEvent(service_type="response.output_audio_transcript.delta"):
                    text += event.text.text
                case RealtimeAudioEvent():
                    audio += int(numpy.abs(event.service_event.to_ndarray()).max() > 200)
                case RealtimeEvent(service_type="conversation.item.input_audio_transcription.completed"):
                    heard = event.service_event.transcript
                case RealtimeEvent(service_type="response.output_audio_transcript.done"):
                    written = True
            if written and audio > LEAST_FRAMES:
                break
        return {"text": text, "audioBytes": audio, **({"heard": heard} if heard is not None else {})}

    async def ask(self, text):
        await self.client.send(RealtimeTextEvent(service_type="conversation.item.create", text=TextContent(text=text)))
        await self.client.send(RealtimeEvent(service_type="response.create"))
        return await self.answer()

    async def speak(self, pcm):
        self.microphone.say(pcm)
        return await self.answer()


async def main():
    way, host, token = sys.argv[1:4]
    microphone = Microphone()
    if way == "openai":
        settings = OpenAIRealtimeExecutionSettings(instructions="The relay has its own.", voice="alloy")
        # Its own client would add the key's organisation; what it posts is the class's own.
        from openai import AsyncOpenAI

        client = OpenAIRealtimeWebRTC(
            audio_track=microphone, ai_model_id="gpt-realtime", api_key=token, client=AsyncOpenAI(api_key=token, base_url=f"https://{host}/v1")
        )
    else:
        settings = AzureRealtimeExecutionSettings(instructions="The relay has its own.", voice="alloy")
        credential = {"api_key": token} if way == "azure-key" else {"ad_token": token}
        client = AzureRealtimeWebRTC(
            audio_track=microphone, endpoint=f"https://{host}", deployment_name="voice", api_version="2025-04-01-preview", **credential
        )
    async with client(settings=settings, kernel=Kernel(), create_response=False):
        await serve(Talker(client, microphone))


asyncio.run(main())
