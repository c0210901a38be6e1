// One call of the simulated Twilio, from its ring to its end: obeys the relay's TwiML, carries the caller's voice, and plays what comes back.
import { createCallerAudio, FRAME_MS } from './caller-audio.js'
import type { CarrierCall } from './carrier.js'
import { createHeard } from './heard.js'
import { createMuLawDecoder, createMuLawEncoder } from './mu-law.js'
import { openStream, type TwilioStream } from './twilio-stream.js'
import { readTwiml, type Verb } from './twiml-reader.js'

export interface TwilioCallOptions {
  /** Every frame of the caller comes up to so much late, in order. */
  readonly jitterMs?: number
  /** False: what is heard is played and counted, and not kept. */
  readonly keep?: boolean
  /** Between 0 and 1, for the jitter. */
  readonly random?: () => number
}

export interface TwilioNames {
  readonly accountSid: string
  readonly callSid: string
}

export interface TwilioCallSetup extends TwilioCallOptions {
  readonly names: TwilioNames
  /** Asks the relay with this call's form, signed. `url`: as the relay named it. */
  readonly ask: (url: string, status: 'in-progress' | 'completed') => Promise<string>
  readonly reach: (address: string) => string
  readonly signature: (address: string) => string
  readonly newStreamSid: () => string
  readonly onOver: () => void
}

export interface TwilioCall extends CarrierCall, TwilioNames {
  /** Every answer of the relay, oldest first. */
  readonly answers: readonly string[]
  /** How often its media socket was opened. */
  readonly sockets: number
  readonly rejectedAs: string | undefined
  /** What the relay sent that Twilio would refuse or ignore. */
  readonly faults: readonly string[]
  /** Of the relay's sound, without silence. */
  readonly playedMs: number
  /** Nothing comes from the caller for so long, though Twilio's clock goes on. */
  gap(ms: number): void
  /** Does what this answer to the ring says. */
  obey(twiml: string): Promise<void>
  /** The ring did not reach the relay, or was refused over HTTP. */
  fail(why: string): void
}

const MU_LAW_BYTES_PER_MS = 8
const MU_LAW_SILENCE = 0xff
/** More after one call's end is a loop. */
const MAX_ANSWERS = 20
const MAX_FAULTS = 100

export function createTwilioCall(setup: TwilioCallSetup): TwilioCall {
  const { names, jitterMs = 0, random = Math.random } = setup
  const heard = createHeard({ bytesPerMs: MU_LAW_BYTES_PER_MS, silence: MU_LAW_SILENCE, keep: setup.keep ?? true })
  const encode = createMuLawEncoder()
  const audio = createCallerAudio(sendFrame)
  const answers: string[] = []
  const faults: string[] = []
  const clearedAt: number[] = []
  let isOver = false
  let stream: TwilioStream | undefined
  let sockets = 0
  let rejectedAs: string | undefined
  /** Frames of the present stream, those of gaps too. */
  let frames = 0
  let mutedUntil = 0
  /** Frames go out in order, however late. */
  let lastDueAt = 0
  let action: string | undefined
  const connected = settleable<void>()
  const ended = settleable<Awaited<CarrierCall['ended']>>()

  function sendFrame(pcm: Buffer): void {
    // Also of frames that are not sent, or the filter's memory would jump.
    const bytes = encode(pcm)
    const atMs = frames++ * FRAME_MS
    const now = performance.now()
    const to = stream
    if (!to || now < mutedUntil) return
    if (jitterMs === 0) return to.sendAudio(bytes, atMs)
    lastDueAt = Math.max(lastDueAt, now + random() * jitterMs)
    setTimeout(() => {
      if (stream === to) to.sendAudio(bytes, atMs)
    }, lastDueAt - now)
  }

  function end(by: 'caller' | 'relay', why: string, transferredTo?: string): void {
    if (isOver) return
    isOver = true
    audio.stop()
    heard.stop()
    stream = undefined
    connected.reject(new Error(`not connected: ${why}`))
    ended.resolve({ by, ...(transferredTo === undefined ? {} : { transferredTo }) })
    setup.onOver()
  }

  async function obey(twiml: string): Promise<void> {
    if (isOver) return
    answers.push(twiml)
    if (answers.length > MAX_ANSWERS) return end('relay', 'the relay answers without end')
    let verbs: readonly Verb[]
    try {
      verbs = readTwiml(twiml)
    } catch (error) {
      return end('relay', `the relay's TwiML cannot be read: ${error instanceof Error ? error.message : 'unknown'}`)
    }
    for (const verb of verbs) {
      if (verb.type === 'reject') {
        if (answers.length > 1) return end('relay', 'the relay rejected a call that was answered')
        rejectedAs = verb.reason
        return end('relay', `the relay refused the call as ${verb.reason}`)
      }
      if (verb.type === 'hangup') return end('relay', 'the relay hung up')
      if (verb.type === 'say') continue
      if (verb.type === 'dial') return end('relay', 'transferred', verb.target)
      await talk(verb)
      if (isOver) return
      // What follows in the document would be skipped, as Twilio does.
      if (verb.action !== undefined) return await askNext(verb.action)
    }
    end('relay', 'the relay had nothing more to say')
  }

  async function askNext(url: string): Promise<void> {
    try {
      await obey(await setup.ask(url, 'in-progress'))
    } catch (error) {
      end('relay', error instanceof Error ? error.message : 'the relay cannot be asked')
    }
  }

  /** Resolves at the end of the stream, whoever ended it. */
  async function talk({ url, parameters, action: next }: Extract<Verb, { type: 'stream' }>): Promise<void> {
    action = next
    const closed = settleable<void>()
    try {
      const opened = await openStream({
        url: setup.reach(url),
        headers: { 'x-twilio-signature': setup.signature(url) },
        ids: { ...names, streamSid: setup.newStreamSid() },
        parameters,
        heard,
        onClear: () => void clearedAt.push(Date.now()),
        onFault: (what) => void (faults.length < MAX_FAULTS && faults.push(what)),
        onClose: closed.resolve,
      })
      if (isOver) return opened.stop()
      stream = opened
      sockets++
      frames = 0
      heard.start()
      audio.start()
      connected.resolve()
    } catch (error) {
      connected.reject(error instanceof Error ? error : new Error('failed'))
      return
    }
    await closed.promise
    stream = undefined
    // Twilio plays nothing of a stream that has ended.
    heard.clear()
  }

  return {
    ...names,
    connected: connected.promise,
    ended: ended.promise,
    say: (sound) => audio.say(sound),
    press: (key) => stream?.sendKey(key),
    async hangUp() {
      if (isOver) return
      stream?.stop()
      end('caller', 'the caller hung up')
      if (action !== undefined) await setup.ask(action, 'completed').catch(() => undefined)
    },
    loseMedia: () => stream?.destroy(),
    heard: () => createMuLawDecoder()(heard.heard()),
    get queuedMs() {
      return heard.queuedMs
    },
    get playedMs() {
      return heard.playedMs
    },
    clearedAt,
    answers,
    get sockets() {
      return sockets
    },
    get rejectedAs() {
      return rejectedAs
    },
    faults,
    gap(ms) {
      mutedUntil = performance.now() + ms
    },
    obey,
    fail: (why) => end('relay', why),
  }
}

function settleable<T>() {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<T>((done, failed) => {
    resolve = done
    reject = failed
  })
  // Whoever looks at it is told; nobody has to look.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
