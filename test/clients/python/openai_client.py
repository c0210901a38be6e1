# The official Python library: AsyncOpenAI and AsyncAzureOpenAI, GA and preview. Usage: openai_client.py WAY HOST TOKEN
import asyncio
import base64
import sys

from openai import AsyncAzureOpenAI, AsyncOpenAI

from talk import serve


def connection(way, host, token):
    if way == "openai":
        return AsyncOpenAI(base_url=f"https://{host}/v1", api_key=token).realtime.connect(model="gpt-realtime")
    if way == "openai-beta":
        return AsyncOpenAI(base_url=f"https://{host}/v1", api_key=token).beta.realtime.connect(model="gpt-4o-realtime-preview")
    azure = {"azure_endpoint": f"https://{host}", "api_version": "2025-04-01-preview"}
    if way == "azure-key":
        return AsyncAzureOpenAI(api_key=token, **azure).realtime.connect(model="voice")
    if way == "azure-token":

        async def provider():
            return token

        return AsyncAzureOpenAI(azure_ad_token_provider=provider, **azure).realtime.connect(model="voice")
    if way == "azure-ga":
        return AsyncAzureOpenAI(api_key=token, websocket_base_url=f"wss://{host}/openai/v1", **azure).realtime.connect(model="voice")
    raise SystemExit(f"unknown way {way}")


class Talker:
    def __init__(self, socket, preview):
        self.socket = socket
        self.audio = "response.audio.delta" if preview else "response.output_audio.delta"
        self.transcript = "response.audio_transcript.delta" if preview else "response.output_audio_transcript.delta"

    async def answer(self):
        text, audio, heard, calls = "", 0, None, []
        async for event in self.socket:
            if event.type == "error":
                raise RuntimeError(event.error.message)
            if event.type == self.audio:
                audio += len(base64.b64decode(event.delta))
            elif event.type == self.transcript:
                text += event.delta
            elif event.type == "conversation.item.input_audio_transcription.completed":
                heard = event.transcript
            elif event.type == "response.done" and event.response.status == "incomplete":
                # What broke off goes on in another response.
                continue
            elif event.type == "response.done":
                if event.response.status != "completed":
                    raise RuntimeError(f"response ended as {event.response.status}")
                calls = [item for item in event.response.output or [] if item.type == "function_call"]
                break
        answer = {"text": text, "audioBytes": audio, "called": [{"name": call.name, "arguments": call.arguments} for call in calls]}
        return ({**answer, "heard": heard} if heard is not None else answer), calls

    async def say(self, text):
        await self.socket.conversation.item.create(item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
        await self.socket.response.create()
        return await self.answer()

    async def ask(self, text):
        return (await self.say(text))[0]

    async def speak(self, pcm):
        for at in range(0, len(pcm), 4800):
            await self.socket.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 4800]).decode())
        return (await self.answer())[0]

    async def own_tool(self, text):
        first, calls = await self.say(text)
        for call in calls:
            await self.socket.conversation.item.create(item={"type": "function_call_output", "call_id": call.call_id, "output": "it is on screen now"})
        await self.socket.response.create()
        return {**(await self.answer())[0], "called": first["called"]}


async def main():
    way, host, token = sys.argv[1:4]
    async with connection(way, host, token) as socket:
        created = await socket.recv()
        assert created.type == "session.created", created.type
        await serve(Talker(socket, preview=way in ("openai-beta", "azure-key", "azure-token")))


if __name__ == "__main__":
    asyncio.run(main())
