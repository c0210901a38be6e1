// Turns: speech, commits, and the responses that follow automatically.
import type { StoredItem } from './conversation.js'
import { BYTES_PER_MS } from './input-audio.js'
import { startRun } from './response-run.js'
import type { ResponseSettings } from './response-view.js'
import type { ResponseRun, Session } from './session-state.js'
import { hear, startCaptions, transcribe } from './transcription.js'
import type { VadSettings } from './vad.js'

/** Least idle timeout, so that it never becomes a busy loop, however fast the simulator runs. */
const MIN_IDLE_MS = 50

/** The configured voice detection; undefined if turns are manual. Semantic detection also uses energy. */
function vadSettings(session: Session): VadSettings | undefined {
  const detection = session.config.audio.input.turn_detection
  if (!detection) return undefined
  if (detection.type === 'semantic_vad') return { level: 0.01, prefixMs: 300, silenceMs: { low: 1000, high: 300 }[detection.eagerness ?? ''] ?? 500 }
  return { level: 0.02 * (detection.threshold ?? 0.5), prefixMs: detection.prefix_padding_ms ?? 300, silenceMs: detection.silence_duration_ms ?? 200 }
}

/** False: the input buffer is full, and nothing was taken. `pcm`: PCM16 at 24 kHz. */
export function hearSound(session: Session, pcm: Buffer): boolean {
  return session.input.append(pcm, vadSettings(session), {
    started: (atMs) => speechStarted(session, atMs),
    stopped: (atMs, audio) => speechStopped(session, atMs, audio),
  })
}

function speechStarted(session: Session, atMs: number): void {
  session.stopIdleTimer()
  session.speechItemId = session.newId('item')
  session.send('input_audio_buffer.speech_started', { audio_start_ms: atMs, item_id: session.speechItemId })
  startCaptions(session, session.speechItemId)
  if (!session.config.audio.input.turn_detection?.interrupt_response) return
  session.active?.cancel('turn_detected')
  session.speaker?.clear()
}

function speechStopped(session: Session, atMs: number, audio: Buffer): void {
  const itemId = session.speechItemId ?? session.newId('item')
  session.send('input_audio_buffer.speech_stopped', { audio_end_ms: atMs, item_id: itemId })
  const detection = session.config.audio.input.turn_detection
  commitTurn(session, audio, itemId)
  if (detection?.create_response) answerTurn(session)
}

/** Sends `committed`, the item's events, and its transcription if that is configured. */
export function commitTurn(session: Session, audio: Buffer, itemId: string): void {
  session.speechItemId = undefined
  const stored: StoredItem = {
    item: { id: itemId, type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_audio', transcript: null }] },
    audioMs: audio.length / BYTES_PER_MS,
  }
  stored.heard = hear(session, audio)
  const previous = session.conversation.insert(stored)
  session.conversation.keepAudio(stored, audio)
  session.send('input_audio_buffer.committed', { previous_item_id: previous, item_id: itemId })
  announce(session, stored, previous)
  transcribe(session, stored)
}

/** Sends `added` and `done` of an item that is complete from the start. */
export function announce(session: Session, stored: StoredItem, previousId: string | null): void {
  session.send('conversation.item.added', { previous_item_id: previousId, item: stored.item })
  session.send('conversation.item.done', { previous_item_id: previousId, item: stored.item })
}

/** The settings of a response without overrides. */
export function sessionSettings(session: Session): ResponseSettings {
  const { config } = session
  return {
    conversationId: session.conversation.id,
    modality: config.output_modalities?.[0] === 'text' ? 'text' : 'audio',
    instructions: config.instructions ?? '',
    tools: config.tools ?? [],
    toolChoice: config.tool_choice ?? 'auto',
    parallel: config.parallel_tool_calls ?? true,
    maxTokens: config.max_output_tokens ?? 'inf',
    format: config.audio.output?.format ?? { type: 'audio/pcm', rate: 24_000 },
    voice: config.audio.output?.voice ?? session.traits.voice,
    speed: config.audio.output?.speed ?? 1,
    reasoning: config.reasoning ?? null,
    metadata: null,
    items: [...session.conversation.items],
  }
}

/** Answers a spoken turn, after the active response if there is one. Does nothing in a transcription session. */
function answerTurn(session: Session): void {
  if (session.config.type === 'transcription') return
  if (session.active) session.answerNext = true
  else beginResponse(session, sessionSettings(session))
}

export function beginResponse(session: Session, settings: ResponseSettings): void {
  const inConversation = settings.conversationId !== null
  if (inConversation) session.stopIdleTimer()
  const startedAt = Date.now()
  const run = startRun(session, settings, (ended, audioMs) => {
    session.aside.delete(ended.id)
    if (session.active !== ended) return
    session.active = undefined
    if (!session.answerNext) return armIdleTimer(session, Math.max(0, audioMs - (Date.now() - startedAt)))
    session.answerNext = false
    beginResponse(session, sessionSettings(session))
  })
  if (inConversation) session.active = run
  else session.aside.set(run.id, run)
}

/** `idle_timeout_ms` counts from the end of playback. */
function armIdleTimer(session: Session, playbackMs: number): void {
  const idleMs = session.config.audio.input.turn_detection?.idle_timeout_ms
  if (!idleMs || session.input.speaking) return
  const fromMs = Math.round(session.input.totalMs)
  session.stopIdleTimer = session.after(Math.max(session.paced(playbackMs + idleMs), MIN_IDLE_MS), () => {
    const itemId = session.newId('item')
    session.send('input_audio_buffer.timeout_triggered', { audio_start_ms: fromMs, audio_end_ms: Math.round(session.input.totalMs), item_id: itemId })
    commitTurn(session, session.input.take(), itemId)
    answerTurn(session)
  })
}

/** Ends a response for `response.cancel`. Returns false if none with that id is active. */
export function cancelResponse(session: Session, responseId: string | undefined): boolean {
  const run: ResponseRun | undefined = responseId === undefined || session.active?.id === responseId ? session.active : session.aside.get(responseId)
  run?.cancel('client_cancelled')
  return run !== undefined
}
