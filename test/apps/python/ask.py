# Asks one question by text, prints the answer, and keeps its sound in answer.wav. Usage: python ask.py [question]
import asyncio
import base64
import os
import sys
import time
import wave

import jwt
from openai import AsyncOpenAI


def value(text):
    """As the relay reads a line of .env: what is in quotes, or else all before a comment."""
    text = text.strip()
    end = text.find(text[0], 1) if text[:1] in ('"', "'", "`") else -1
    return text[1:end] if end > 0 else text.split("#", 1)[0].strip()


def settings():
    """The environment, and what .env adds to it."""
    found = {}
    if os.path.exists(".env"):
        with open(".env", encoding="utf-8") as lines:
            pairs = [line.strip().split("=", 1) for line in lines if "=" in line and not line.strip().startswith("#")]
            found = {name.strip().removeprefix("export "): value(text) for name, text in pairs}
    return {**found, **os.environ}


async def ask(question):
    env = settings()
    now = int(time.time())
    # The relay compares these two with its own settings of these names.
    meant = {claim: env[name] for claim, name in (("iss", "JWT_ISSUER"), ("aud", "JWT_AUDIENCE")) if env.get(name)}
    token = jwt.encode({"sub": "ask", "iat": now, "exp": now + 300, **meant}, env["JWT_SECRET"], algorithm="HS256")
    # The library adds /realtime to the address itself.
    client = AsyncOpenAI(api_key=token, websocket_base_url=env["RELAY_URL"].removesuffix("/realtime"))
    async with client.realtime.connect(model="any") as relay:
        await relay.conversation.item.create(item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]})
        await relay.response.create()
        sound, status = b"", "lost"
        async for event in relay:
            if event.type == "error":
                sys.exit(event.error.message)
            elif event.type == "response.output_audio_transcript.delta":
                print(event.delta, end="", flush=True)
            elif event.type == "response.output_audio.delta":
                sound += base64.b64decode(event.delta)
            elif event.type == "response.done":
                status = event.response.status
                break
        print()
        if status != "completed":
            sys.exit(f"The answer ended as {status}.")
        with wave.open("answer.wav", "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(24000)
            file.writeframes(sound)


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1] if len(sys.argv) > 1 else "What is the weather in Lisbon?"))
