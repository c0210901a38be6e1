# Pipecat's realtime services straight at the simulator, or at a relay, in the pipeline of its own examples. Usage: direct_pipecat.py WAY HOST KEY
import asyncio
import json
import sys

from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    ErrorFrame,
    FunctionCallsStartedFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.azure.realtime.llm import AzureRealtimeLLMService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import AudioConfiguration, AudioInput, InputAudioTranscription, SessionProperties
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

from talk import serve
from weather import weather_in

# Tenths of a second in which the speech has begun.
ONSET = 6
PROPERTIES = SessionProperties(audio=AudioConfiguration(input=AudioInput(transcription=InputAudioTranscription(model="whisper-1"))))


def service(way, host, key):
    if way in ("openai", "relay"):
        settings = OpenAIRealtimeLLMService.Settings(session_properties=PROPERTIES)
        return OpenAIRealtimeLLMService(api_key=key, base_url=f"ws://{host}/v1/realtime", settings=settings)
    if way == "azure":
        settings = AzureRealtimeLLMService.Settings(model="voice", session_properties=PROPERTIES)
        return AzureRealtimeLLMService(api_key=key, base_url=f"ws://{host}/openai/v1/realtime", settings=settings)
    raise SystemExit(f"unknown way {way}")


async def get_weather(params: FunctionCallParams, city: str):
    """Tells the weather in a city.

    Args:
        city: The city.
    """
    await params.result_callback(weather_in(city))


class Speaker(FrameProcessor):
    """Stands where a transport plays the sound. `held`: it plays on, as a real one does after the last sound came."""

    def __init__(self):
        super().__init__()
        self.frames = asyncio.Queue()
        self.held = False

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        self.frames.put_nowait(frame)
        await self.push_frame(frame, direction)
        if isinstance(frame, TTSStoppedFrame) and not self.held:
            await self.push_frame(BotStoppedSpeakingFrame(), FrameDirection.UPSTREAM)


class Talker:
    def __init__(self, worker, speaker, context):
        self.worker = worker
        self.speaker = speaker
        self.context = context

    async def until(self, *kinds):
        while not isinstance(frame := await self.speaker.frames.get(), kinds):
            if isinstance(frame, ErrorFrame):
                raise RuntimeError(frame.error)
        return frame

    async def answer(self):
        """A response that called a function is no answer, whatever it remarked: the next one is."""
        text, audio, called, calling = "", 0, [], False
        while True:
            frame = await self.until(TTSTextFrame, TTSAudioRawFrame, FunctionCallsStartedFrame, LLMFullResponseEndFrame)
            match frame:
                case TTSTextFrame():
                    text += frame.text
                case TTSAudioRawFrame():
                    audio += len(frame.audio)
                case FunctionCallsStartedFrame(function_calls=calls):
                    called += [{"name": call.function_name, "arguments": json.dumps(dict(call.arguments))} for call in calls]
                    calling = True
                case LLMFullResponseEndFrame() if calling:
                    text, calling = "", False
                case LLMFullResponseEndFrame() if text:
                    return {"text": text, "audioBytes": audio, "called": called}

    async def ask(self, text):
        """An app's first words are its context; the service sends later ones as a system's, so the other questions are spoken."""
        self.context.add_message({"role": "user", "content": text})
        await self.worker.queue_frame(LLMRunFrame())
        return await self.answer()

    async def microphone(self, pcm):
        """Goes on once the pipeline knows that the user speaks: nobody says a sentence faster than that, but a test would."""
        frames = [InputAudioRawFrame(audio=pcm[at : at + 4800], sample_rate=24000, num_channels=1) for at in range(0, len(pcm), 4800)]
        await self.worker.queue_frames(frames[:ONSET])
        await self.until(InterruptionFrame)
        await self.worker.queue_frames(frames[ONSET:])

    async def speak(self, pcm):
        await self.microphone(pcm)
        return await self.answer()

    call = speak

    async def interrupt(self, pcm, objection_pcm):
        self.speaker.held = True
        await self.microphone(pcm)
        await self.until(TTSAudioRawFrame)
        await self.microphone(objection_pcm)
        self.speaker.held = False
        return await self.answer()


async def main():
    way, host, key = sys.argv[1:4]
    context = LLMContext(tools=[get_weather])
    user, assistant = LLMContextAggregatorPair(context)
    speaker = Speaker()
    worker = PipelineWorker(Pipeline([user, service(way, host, key), speaker, assistant]))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await serve(Talker(worker, speaker, context))
    await worker.stop_when_done()
    await running


asyncio.run(main())
