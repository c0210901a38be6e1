// Speaks for a simulated caller: frames of 20 ms at wall time on one steady clock, with silence before, between and after what is said.

export const FRAME_MS = 20
/** PCM16 at 24 kHz. */
export const FRAME_BYTES = 960

/** Further behind its clock, as after a computer's sleep, it goes on from now: a telephone does not catch up minutes in one burst. */
const MAX_LAG_MS = 1000
/** Audio that waits to be said. More is a mistake of whoever scripts the call. */
const MAX_WAITING_BYTES = 48_000 * 60 * 30

export interface CallerAudio {
  /** From now on a frame flows every 20 ms. Once. */
  start(): void
  /** PCM16, mono, 24 kHz. Resolves when its last frame was sent, or when nothing is sent any more. */
  say(audio: Buffer): Promise<void>
  /** Drops what waits; silence flows on. */
  hush(): void
  /** Ends for good. Every `say` that waits resolves. */
  stop(): void
  /** Frames that could not be sent in time and never were: a process that was too busy for 20 ms. */
  readonly skipped: number
}

interface Utterance {
  readonly audio: Buffer
  at: number
  readonly sent: () => void
}

/** `send` gets one frame of exactly 960 bytes. */
export function createCallerAudio(send: (frame: Buffer) => void, now: () => number = () => performance.now()): CallerAudio {
  const silence = Buffer.alloc(FRAME_BYTES)
  const waiting: Utterance[] = []
  let waitingBytes = 0
  let due = 0
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let skipped = 0

  const nextFrame = (): Buffer => {
    const utterance = waiting[0]
    if (!utterance) return silence
    const frame = utterance.audio.subarray(utterance.at, utterance.at + FRAME_BYTES)
    utterance.at += FRAME_BYTES
    return frame.length === FRAME_BYTES ? frame : Buffer.concat([frame, silence], FRAME_BYTES)
  }
  const settle = (utterance: Utterance) => {
    waitingBytes -= utterance.audio.length
    utterance.sent()
  }
  const sendOne = () => {
    const said = waiting[0]
    send(nextFrame())
    if (!said || said.at < said.audio.length || waiting[0] !== said) return
    waiting.shift()
    settle(said)
  }
  const tick = () => {
    const time = now()
    if (time - due > MAX_LAG_MS) {
      const late = Math.floor((time - due) / FRAME_MS)
      skipped += late
      due += late * FRAME_MS
    }
    // The next tick is set from the clock, not from the last tick, so a late timer does not shift the frames after it.
    for (; due <= time && !stopped; due += FRAME_MS) sendOne()
    if (!stopped) timer = setTimeout(tick, Math.max(0, due - now()))
  }
  const drop = () => {
    for (const utterance of waiting.splice(0)) settle(utterance)
  }

  return {
    start() {
      if (stopped || timer) return
      due = now()
      tick()
    },
    say(audio) {
      if (stopped || audio.length === 0) return Promise.resolve()
      if (waitingBytes + audio.length > MAX_WAITING_BYTES) return Promise.reject(new Error('A caller may have half an hour of audio waiting to be said, not more.'))
      waitingBytes += audio.length
      return new Promise((resolve) => {
        waiting.push({ audio, at: 0, sent: resolve })
      })
    },
    hush: drop,
    stop() {
      stopped = true
      clearTimeout(timer)
      drop()
    },
    get skipped() {
      return skipped
    },
  }
}
