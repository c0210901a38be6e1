// Plays one response: `response.created`, its items delta by delta at the service's pace, and `response.done`. It can be cancelled.
import { isObject, type Json, stringAt } from '../core/protocol/events.js'
import type { Item } from './conversation.js'
import { apply } from './effects.js'
import { failure } from './error-events.js'
import { type OutputItem, openOutputItem } from './output-item.js'
import { drifts, isRemark, type Prepared, piecesOf, prepare } from './prepare.js'
import { type ResponseSettings, type ResponseStatus, responseView } from './response-view.js'
import type { ResponseRun, Session } from './session-state.js'
import type { Spoken } from './speech-tones.js'
import { countInput, outputAudioTokens, usage } from './usage.js'

const FIRST_DELTA_MS = 150
const TEXT_DELTA_MS = 15
const CHUNK_MS = 200
const CHUNK_BYTES = CHUNK_MS * 48
/** Audio is sent this many times faster than it plays. */
const FASTER_THAN_PLAY = 5
/** How far the transcript is ahead of the audio. */
const TRANSCRIPT_LEAD_MS = 800
const LIMITS_AFTER_MS = 6
const FLOOD_BATCH = 50
/** Thought before an answer, if the model is asked to reason. */
const REASONING_TOKENS = 64

/** `ended` is called once, after `response.done`, with the milliseconds of audio sent. */
export function startRun(session: Session, asked: ResponseSettings, ended: (run: ResponseRun, audioMs: number) => void): ResponseRun {
  const id = session.newId('resp')
  const settings: ResponseSettings = drifts(session, asked) ? { ...asked, modality: 'text' } : asked
  const output: Item[] = []
  /** More than one while a call streams before the remark is done. */
  let open: OutputItem[] = []
  let over = false
  let stopWaiting = () => {}
  let deltas = 0
  let characters = 0
  let audioMs = 0

  const view = (status: ResponseStatus, details: Json, used: Json) => responseView(id, asked, { status, details, output, usage: used })
  const finish = (status: ResponseStatus, details: Json) => {
    over = true
    stopWaiting()
    const input = countInput(settings.instructions, settings.tools, settings.items)
    const reasoning = reasons(settings.reasoning) ? { reasoning: REASONING_TOKENS } : {}
    const used = usage(input, { text: Math.ceil(characters / 4), audio: outputAudioTokens(audioMs), ...reasoning }, session.cachedText)
    session.cachedText = input.text
    session.send('response.done', { response: view(status, details, status === 'failed' ? null : used) })
    session.speaker?.end(id)
    const limits = session.limits.take(session.deployment, Number(used.total_tokens))
    if (limits) session.after(session.paced(LIMITS_AFTER_MS), () => session.send('rate_limits.updated', { rate_limits: limits }))
    ended(run, audioMs)
  }
  const closeOpen = (status: 'completed' | 'incomplete') => {
    for (const item of open) item.close(status)
    open = []
  }
  const outOfTokens = () => settings.maxTokens !== 'inf' && Math.ceil(characters / 4) + outputAudioTokens(audioMs) >= settings.maxTokens

  function* afterDelta(item: OutputItem): Generator<number> {
    const faults = session.faults()
    deltas++
    if (deltas === 1) {
      for (const kind of faults.garbage ?? []) session.sendGarbage(kind)
      for (let i = 0; i < (faults.flood ?? 0); i++) {
        if (settings.modality === 'audio' && item.item.type === 'message') item.addAudio(Buffer.alloc(CHUNK_BYTES))
        else item.addText(' ')
        if (i % FLOOD_BATCH === 0) yield 0
      }
    }
    if (faults.end?.at === 'response' && deltas >= (faults.end.afterDeltas ?? 1)) session.endByFault(faults.end)
  }

  function* text(item: OutputItem, pieces: readonly string[]): Generator<number, boolean> {
    for (const piece of pieces) {
      if (outOfTokens()) return false
      item.addText(piece)
      characters += piece.length
      yield* afterDelta(item)
      yield session.paced(TEXT_DELTA_MS)
    }
    return true
  }

  function* speech(item: OutputItem, spoken: Spoken): Generator<number, boolean> {
    let said = 0
    for (let at = 0; at < spoken.pcm.length || said < spoken.words.length; at += CHUNK_BYTES) {
      for (; (spoken.words[said]?.startMs ?? Number.POSITIVE_INFINITY) <= at / 48 + TRANSCRIPT_LEAD_MS; said++) {
        const word = spoken.words[said]?.text ?? ''
        if (outOfTokens()) return false
        item.addText(word)
        characters += word.length
      }
      const chunk = spoken.pcm.subarray(at, at + CHUNK_BYTES)
      if (chunk.length === 0) continue
      if (outOfTokens()) return false
      item.addAudio(chunk)
      audioMs += chunk.length / 48
      yield* afterDelta(item)
      yield session.paced(CHUNK_MS / FASTER_THAN_PLAY)
    }
    return true
  }

  function* play(parts: readonly Prepared[]): Generator<number> {
    yield session.paced(FIRST_DELTA_MS)
    const code = session.faults().failResponse
    if (code !== undefined) return finish('failed', failure(code))
    for (const [index, part] of parts.entries()) {
      if (!('planned' in part)) {
        if ('fail' in part.effect) return finish('failed', failure(part.effect.fail))
        yield apply(session, part.effect)
        continue
      }
      const item = openOutputItem(session, id, settings, output.length, part.planned, part.spoken?.words)
      open.push(item)
      output.push(item.item)
      const whole = yield* part.spoken ? speech(item, part.spoken) : text(item, piecesOf(part.planned))
      if (whole && session.traits.phases && isRemark(part) && index + 1 < parts.length) continue
      closeOpen(whole ? 'completed' : 'incomplete')
      if (!whole) return finish('incomplete', { type: 'incomplete', reason: 'max_output_tokens' })
    }
    finish('completed', null)
  }

  const drive = (steps: Generator<number>) => {
    const next = () => {
      if (over || session.congested(next)) return
      const step = steps.next()
      if (!step.done) stopWaiting = session.after(step.value + (session.faults().slowMs ?? 0), next)
    }
    next()
  }

  const run: ResponseRun = {
    id,
    cancel(reason) {
      if (over) return
      closeOpen('incomplete')
      finish('cancelled', { type: 'cancelled', reason })
    },
  }

  session.send('response.created', { response: view('in_progress', null, null) })
  const parts = prepare(session, settings)
  if (parts instanceof Promise) void parts.then((ready) => session.after(0, () => drive(play(ready))))
  else stopWaiting = session.after(0, () => drive(play(parts)))
  return run
}

function reasons(reasoning: Json): boolean {
  const effort = stringAt(isObject(reasoning) ? reasoning : undefined, 'effort')
  return effort !== undefined && effort !== 'none'
}
