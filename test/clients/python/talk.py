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
    """`talker` has ask(text), speak(pcm) and own_tool(text), each returning what the test wants to see."""
    async for request in lines():
        method = {"ask": talker.ask, "speak": talker.speak, "ownTool": talker.own_tool}[request["do"]]
        try:
            answer = await asyncio.wait_for(method(request.get("text") or bytes.fromhex(request.get("pcm", ""))), 20)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
