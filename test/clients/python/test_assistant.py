# Asks the local Azure with the official library, as an app does.
import asyncio

from openai import AsyncOpenAI


async def ask(url, question):
    client = AsyncOpenAI(api_key="test-key", websocket_base_url=url.replace("http", "ws") + "/openai/v1")
    async with client.realtime.connect(model="my-deployment") as session:
        await session.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await session.conversation.item.create(item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]})
        await session.response.create()
        async for event in session:
            if event.type == "response.output_text.done":
                return event.text


def test_opening_hours(azure):
    assert asyncio.run(ask(azure, "Are you open on Sunday?")) == "Yes, we are open on Sunday."
