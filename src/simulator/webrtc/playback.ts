// Plays answers into a call: one packet of Opus every 20 ms, whatever the simulator's speed, and events that say when sound begins and ends.
import type { Speaker } from '../session-state.js'
import { toneFrame } from './opus-tones.js'
import { createRtpWriter, FRAME_MS, FRAME_TICKS } from './rtp.js'

export interface PlaybackSetup {
  readonly ssrc: number
  readonly opus: number
  readonly start: { readonly sequence: number; readonly time: number }
  sendRtp(packet: Buffer): void
  /** An event of the session. */
  send(type: string, fields: { readonly response_id: string }): void
  /** Returns how to stop. Ends with the call. */
  after(ms: number, callback: () => void): () => void
}

interface Sound {
  readonly responseId: string
  /** Not yet played. */
  leftMs: number
  /** Its response is over: no more comes. */
  whole: boolean
  started: boolean
}

/** Behind its time by more, as after a computer's sleep, it goes on from now rather than in a burst. */
const MAX_LAG_MS = 1000
/** Cut sounds whose responses may still add to them. */
const MAX_CUT = 64

export function createPlayback({ ssrc, opus, start, sendRtp, send, after }: PlaybackSetup): Speaker {
  const writer = createRtpWriter(ssrc, opus, start)
  const queue: Sound[] = []
  const cut = new Set<string>()
  let due = 0
  let played = 0
  let lastAt: number | undefined
  let stop: (() => void) | undefined

  const frame = () => {
    // After silence the clock has gone on, in whole frames.
    const frames = lastAt === undefined ? 1 : Math.max(1, Math.round((due - lastAt) / FRAME_MS))
    const first = lastAt === undefined || frames > 1
    lastAt = due
    sendRtp(writer.write(toneFrame(played++), frames * FRAME_TICKS, first))
  }
  const tick = () => {
    stop = undefined
    const now = performance.now()
    if (now - due > MAX_LAG_MS) due = now
    for (; due <= now && queue.length > 0; due += FRAME_MS) {
      const sound = queue[0] as Sound
      if (sound.leftMs > 0) {
        if (!sound.started) {
          played = 0
          frame()
          sound.started = true
          send('output_audio_buffer.started', { response_id: sound.responseId })
        } else frame()
        sound.leftMs -= FRAME_MS
      }
      if (sound.leftMs > 0 || !sound.whole) continue
      queue.shift()
      send('output_audio_buffer.stopped', { response_id: sound.responseId })
    }
    if (queue.length > 0) stop = after(Math.max(0, due - performance.now()), tick)
  }
  const run = () => {
    if (stop) return
    due = Math.max(due, performance.now())
    stop = after(due - performance.now(), tick)
  }
  const soundOf = (responseId: string): Sound => {
    const known = queue.find((sound) => sound.responseId === responseId)
    if (known) return known
    const sound: Sound = { responseId, leftMs: 0, whole: false, started: false }
    queue.push(sound)
    return sound
  }

  return {
    play(responseId, ms) {
      if (cut.has(responseId)) return
      soundOf(responseId).leftMs += ms
      run()
    },
    end(responseId) {
      cut.delete(responseId)
      const sound = queue.find((one) => one.responseId === responseId)
      if (sound) sound.whole = true
    },
    clear() {
      stop?.()
      stop = undefined
      for (const sound of queue.splice(0)) {
        if (!sound.whole && cut.size < MAX_CUT) cut.add(sound.responseId)
        if (sound.started) send('output_audio_buffer.cleared', { response_id: sound.responseId })
      }
    },
  }
}
