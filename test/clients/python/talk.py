# Speaks for one Python client: reads one request a line from the test, answers with one line of JSON.
import asyncio
import json
import sys


async def lines():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def serve(talker):
    """`talker` has a method for each request of the test, such as ask(text) and speak(pcm), that returns what the test wants to see."""
    async for request in lines():
        method = getattr(talker, request["do"])
        given = {name: bytes.fromhex(value) if name.endswith("pcm") else value for name, value in request.items() if name != "do"}
        try:
            answer = await asyncio.wait_for(method(**given), 20)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
