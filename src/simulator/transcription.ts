// What was heard of a spoken turn, and its transcription: word by word during or after the speech, whole, or failed.
import type { Json } from '../core/protocol/events.js'
import { contentOf, type StoredItem } from './conversation.js'
import { DEPLOYMENT_NOT_FOUND } from './error-events.js'
import { BYTES_PER_MS } from './input-audio.js'
import type { Session } from './session-state.js'
import { splitWords } from './speech-tones.js'
import { inputAudioTokens, textTokens } from './usage.js'

const DEFAULT_HEARD = 'What is the weather in Lisbon?'
const MAX_HEARD_CHARS = 4000
const TRANSCRIPT_AFTER_MS = 60
const TRANSCRIPT_DELTA_MS = 20
/** How far captions are behind the voice, and how fast they follow it. */
const CAPTION_MS = 400
const EVENT = 'conversation.item.input_audio_transcription'

/** In place of speech recognition: the script, the option `hear`, the option `heardText`, or a fixed sentence. */
export function hear(session: Session, audio: Buffer): string {
  const { hear: ear } = session.options
  const scripted = session.script.nextHeard()
  session.script.heard()
  if (scripted !== undefined) return scripted
  if (ear) {
    try {
      return String(ear(audio)).slice(0, MAX_HEARD_CHARS)
    } catch (error) {
      session.options.log?.(`hear failed: ${error instanceof Error ? error.message : 'unknown'}`)
    }
  }
  return knownWords(session) ?? `I spoke for ${(audio.length / BYTES_PER_MS / 1000).toFixed(1)} seconds.`
}

/** The words of the next turn, if they do not depend on its sound. */
function knownWords(session: Session): string | undefined {
  const { heardText } = session.options
  return session.script.nextHeard() ?? heardText ?? ((session.config.tools?.length ?? 0) > 0 ? DEFAULT_HEARD : undefined)
}

/** Sends words while the user still speaks, if the transcription model does so and the words are known. */
export function startCaptions(session: Session, itemId: string): void {
  session.captions?.stop()
  session.captions = undefined
  const model = modelOf(session)
  const known = session.options.hear && session.script.nextHeard() === undefined ? undefined : knownWords(session)
  if (model !== 'gpt-realtime-whisper' || known === undefined || missing(session, model)) return
  const words = splitWords(known)
  let sent = 0
  let stop = () => {}
  const next = () => {
    const word = words[sent]
    // The last word is only sure once the speech has ended.
    if (word === undefined || sent === words.length - 1) return
    sent++
    session.send(`${EVENT}.delta`, { item_id: itemId, content_index: 0, delta: word })
    stop = session.after(session.paced(CAPTION_MS), next)
  }
  stop = session.after(session.paced(CAPTION_MS), next)
  session.captions = {
    itemId,
    get sent() {
      return sent
    },
    stop: () => stop(),
  }
}

/** Does nothing if the session does not transcribe. */
export function transcribe(session: Session, stored: StoredItem): void {
  const { captions } = session
  captions?.stop()
  session.captions = undefined
  const model = modelOf(session)
  if (model === undefined) return
  const place = { item_id: stored.item.id, content_index: 0 }
  if (missing(session, model)) {
    const { code, message } = DEPLOYMENT_NOT_FOUND
    const error = { type: 'invalid_request_error', code, message, param: null }
    session.after(session.paced(TRANSCRIPT_AFTER_MS), () => session.send(`${EVENT}.failed`, { ...place, error }))
    return
  }
  const text = stored.heard ?? ''
  // whisper-1 does not stream: its one delta has all words.
  const words = (model === 'whisper-1' ? [text].filter((one) => one !== '') : splitWords(text)).slice(captions?.itemId === stored.item.id ? captions.sent : 0)
  const next = () => {
    const word = words.shift()
    if (word !== undefined) {
      session.send(`${EVENT}.delta`, { ...place, delta: word })
      session.after(session.paced(TRANSCRIPT_DELTA_MS), next)
      return
    }
    const part = contentOf(stored.item)[0]
    if (part) part.transcript = text
    session.send(`${EVENT}.completed`, { ...place, transcript: text, usage: transcriptionUsage(model, stored.audioMs ?? 0, text) })
  }
  session.after(session.paced(TRANSCRIPT_AFTER_MS), next)
}

function modelOf(session: Session): string | undefined {
  const { transcription } = session.config.audio.input
  return transcription ? String(transcription.model) : undefined
}

/** On Azure the transcription model is the name of a deployment. */
function missing(session: Session, model: string): boolean {
  const { transcriptionDeployments } = session.options
  return transcriptionDeployments !== undefined && !transcriptionDeployments.includes(model)
}

function transcriptionUsage(model: string, audioMs: number, text: string): Json {
  if (!model.startsWith('gpt-4o')) return { type: 'duration', seconds: Math.ceil(audioMs / 1000) }
  const input = inputAudioTokens(audioMs)
  const output = textTokens(text)
  return { type: 'tokens', total_tokens: input + output, input_tokens: input, input_token_details: { text_tokens: 0, audio_tokens: input }, output_tokens: output }
}
