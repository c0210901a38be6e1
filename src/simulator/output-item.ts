// Sends one item of a response: opens it, fills it with deltas, and closes it as completed or incomplete.
import type { JsonObject } from '../core/protocol/events.js'
import type { Planned } from './answer.js'
import type { Item, StoredItem } from './conversation.js'
import { encodeG711 } from './g711.js'
import type { ResponseSettings } from './response-view.js'
import type { Session } from './session-state.js'
import type { SpokenWord } from './speech-tones.js'

export interface OutputItem {
  readonly item: Item
  readonly audioMs: number
  addText(delta: string): void
  /** Takes PCM16 at 24 kHz and sends it in the response's format. */
  addAudio(pcm: Buffer): void
  close(status: 'completed' | 'incomplete'): void
}

type Kind = 'text' | 'audio' | 'call'
const BYTES_PER_MS = 48
/** Audio of one item beyond this is sent but not kept for retrieval. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024

export function openOutputItem(session: Session, responseId: string, settings: ResponseSettings, outputIndex: number, planned: Planned, words?: readonly SpokenWord[]): OutputItem {
  const kind: Kind = planned.kind === 'call' ? 'call' : settings.modality
  const stored: StoredItem = { item: newItem(session, planned, session.traits.phases || (session.options.preamble === true && settings.tools.length > 0)) }
  const { item } = stored
  const inConversation = settings.conversationId !== null
  const place: JsonObject = { response_id: responseId, item_id: item.id, output_index: outputIndex }
  const partPlace: JsonObject = { ...place, content_index: 0 }
  const pcm: Buffer[] = []
  let said = ''
  let audioBytes = 0

  if (kind === 'audio') stored.saying = () => audioBytes / BYTES_PER_MS
  if (kind === 'audio' && words) stored.words = words

  const part = (): JsonObject => (kind === 'audio' ? { type: 'audio', transcript: said } : { type: 'text', text: said })
  // Azure repeats the part under `content`; OpenAI does not.
  const parts = (): JsonObject => (session.style === 'azure' ? { part: part(), content: part() } : { part: part() })

  session.send('response.output_item.added', { response_id: responseId, output_index: outputIndex, item })
  if (inConversation) session.send('conversation.item.added', { previous_item_id: session.conversation.insert(stored), item })
  if (kind !== 'call') session.send('response.content_part.added', { ...partPlace, ...parts() })

  return {
    item,
    get audioMs() {
      return audioBytes / BYTES_PER_MS
    },
    addText(delta) {
      said += delta
      if (kind === 'call') session.send('response.function_call_arguments.delta', { ...place, call_id: item.call_id ?? '', delta })
      else session.send(kind === 'audio' ? 'response.output_audio_transcript.delta' : 'response.output_text.delta', { ...partPlace, delta })
    },
    addAudio(chunk) {
      if (audioBytes < MAX_KEPT_BYTES) pcm.push(chunk)
      audioBytes += chunk.length
      session.hasSpoken = true
      if (session.speaker) return session.speaker.play(responseId, chunk.length / BYTES_PER_MS, chunk)
      const bytes = settings.format.type === 'audio/pcm' ? chunk : encodeG711(chunk, settings.format.type === 'audio/pcmu' ? 'ulaw' : 'alaw')
      session.send('response.output_audio.delta', { ...partPlace, delta: bytes.toString('base64') })
    },
    close(status) {
      item.status = status
      if (kind === 'call') {
        item.arguments = said
        // A call that was cut short must not run, so its arguments are never announced as done.
        if (status === 'completed') session.send('response.function_call_arguments.done', { ...place, call_id: item.call_id ?? '', name: item.name ?? '', arguments: said })
      } else {
        item.content = [kind === 'audio' ? { type: 'output_audio', transcript: said } : { type: 'output_text', text: said }]
        closePart(session, kind, partPlace, said)
        session.send('response.content_part.done', { ...partPlace, ...parts() })
      }
      if (kind === 'audio') {
        delete stored.saying
        const kept = stored.truncated ? Buffer.concat(pcm).subarray(0, (stored.audioMs ?? 0) * BYTES_PER_MS) : Buffer.concat(pcm)
        stored.audioMs = stored.truncated ? (stored.audioMs ?? 0) : audioBytes / BYTES_PER_MS
        if (inConversation) session.conversation.keepAudio(stored, kept)
      }
      if (inConversation) session.send('conversation.item.done', { previous_item_id: previousWhenDone(session, item.id), item })
      session.send('response.output_item.done', { response_id: responseId, output_index: outputIndex, item })
      // The response is told as it was; the conversation forgets the words of what the client cut.
      if (stored.truncated) stored.item = { ...item, content: [{ type: 'output_audio', transcript: '' }] }
    },
  }
}

function newItem({ newId }: Session, planned: Planned, withPhase: boolean): Item {
  const id = newId('item')
  if (planned.kind === 'call') return { id, type: 'function_call', status: 'in_progress', name: planned.name, call_id: newId('call', 16), arguments: '' }
  return { id, type: 'message', status: 'in_progress', role: 'assistant', content: [], ...(withPhase && { phase: planned.remark ? 'commentary' : 'final_answer' }) }
}

function closePart(session: Session, kind: 'text' | 'audio', place: JsonObject, said: string): void {
  if (kind === 'text') {
    session.send('response.output_text.done', { ...place, text: said })
    return
  }
  session.send('response.output_audio.done', place)
  session.send('response.output_audio_transcript.done', { ...place, transcript: said })
}

/** As in every recording: if an item of the model follows the very first item, `done` names null although `added` named that item. */
function previousWhenDone(session: Session, itemId: string): string | null {
  const previous = session.conversation.previousOf(itemId)
  return previous === null || session.conversation.items[0]?.item.id === previous ? null : previous
}
