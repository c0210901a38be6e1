// An imitated browser: sockets, microphone and calls that a test moves by hand, for moments that a real one seldom has.
import { vi } from 'vitest'

export interface Sent {
  readonly type: string
  readonly [field: string]: unknown
}

export interface ImitatedSocket {
  readonly url: string
  readonly sent: Sent[]
  bufferedAmount: number
  /** The code with which the page closed it. */
  closed: number | undefined
  says(event: object): void
  drops(code: number): void
  /** The greeting of a session that one can come back to. */
  greets(): void
}

export interface ImitatedRelay {
  readonly state: string
  readonly listening: boolean
  readonly speaking: boolean
  on(type: string, listener: (value: never) => void): () => void
  open(): Promise<void>
  send(event: object): void
  say(text: string): void
  talk(): Promise<void>
  mute(): void
  close(): void
}

type Connect = (options: object) => ImitatedRelay

/** Stubs what the kit needs of a browser; `vi.unstubAllGlobals` ends it. Timers are the test's. */
export async function imitateBrowser() {
  const sockets: ImitatedSocket[] = []
  const world = {
    sockets,
    last: () => sockets.at(-1) as ImitatedSocket,
    /** Of the microphone, in the order in which they were made. */
    worklets: [] as { readonly told: unknown[]; hears(): void }[],
    contexts: [] as { state: string }[],
    requests: [] as { readonly url: string; readonly authorization: string }[],
    /** How often the answer's element was to play, and whether it may. */
    plays: 0,
    mayPlay: true,
    microphone: async () => ({ getAudioTracks: () => [{ stop: () => void world.stopped++ }] }),
    stopped: 0,
    /** Of a device of another rate, as in Firefox. */
    refusesRate: false,
    loadsWorklet: true,
    /** After so long a sound begins, as in Firefox, where a device has to start; undefined: as soon as it is made. */
    startsAfterMs: undefined as number | undefined,
    connect: undefined as unknown as Connect,
  }
  vi.stubGlobal(
    'WebSocket',
    class {
      readyState = 0
      bufferedAmount = 0
      closed: number | undefined
      readonly sent: Sent[] = []
      readonly url: string
      onmessage: ((message: { data: string }) => void) | undefined
      onclose: ((close: { code: number; reason: string }) => void) | undefined
      constructor(url: URL) {
        this.url = String(url)
        sockets.push(this)
      }
      send(text: string) {
        this.sent.push(JSON.parse(text) as Sent)
      }
      close(code: number) {
        this.closed = code
        this.readyState = 3
      }
      says(event: object) {
        this.readyState = 1
        this.onmessage?.({ data: JSON.stringify(event) })
      }
      drops(code: number) {
        this.readyState = 3
        this.onclose?.({ code, reason: '' })
      }
      greets() {
        this.says({ type: 'session.created', session: {} })
        this.says({ type: 'relay.resume.ready', token: 'id.secret', seconds: 60 })
      }
    },
  )
  vi.stubGlobal(
    'AudioContext',
    class {
      state = world.startsAfterMs === undefined ? 'running' : 'suspended'
      readonly currentTime = 0
      readonly audioWorklet = { addModule: () => (world.loadsWorklet ? Promise.resolve() : Promise.reject(new Error('blocked'))) }
      readonly #rate: number | undefined
      constructor({ sampleRate }: { sampleRate?: number } = {}) {
        this.#rate = sampleRate
        world.contexts.push(this)
        if (this.state === 'suspended') setTimeout(() => (this.state = 'running'), world.startsAfterMs)
      }
      resume = () => Promise.resolve()
      close() {
        this.state = 'closed'
        return Promise.resolve()
      }
      createMediaStreamSource() {
        if (this.#rate && world.refusesRate) throw new Error('another rate')
        return { connect: () => undefined, disconnect: () => undefined }
      }
    },
  )
  vi.stubGlobal(
    'AudioWorkletNode',
    class {
      readonly told: unknown[] = []
      readonly port = { postMessage: (message: unknown) => void this.told.push(message), onmessage: (_message: object) => undefined }
      constructor() {
        world.worklets.push(this)
      }
      hears() {
        this.port.onmessage({ data: new Int16Array(1200) })
      }
    },
  )
  vi.stubGlobal(
    'RTCPeerConnection',
    class {
      readonly connectionState = 'new'
      readonly localDescription = { sdp: 'offer' }
      ontrack: ((event: object) => void) | undefined
      addTrack = () => undefined
      setLocalDescription = async () => undefined
      close = () => undefined
      async setRemoteDescription() {
        this.ontrack?.({ track: {} })
      }
    },
  )
  vi.stubGlobal(
    'Audio',
    class {
      async play() {
        world.plays++
        if (!world.mayPlay) throw new DOMException('no click', 'NotAllowedError')
      }
    },
  )
  vi.stubGlobal('fetch', async (url: string, { headers }: { headers: Record<string, string> }) => {
    world.requests.push({ url, authorization: headers.authorization ?? '' })
    return { status: 201, headers: new Headers({ location: '/v1/realtime/calls/rtc_1' }), text: async () => 'answer' }
  })
  vi.stubGlobal('MediaStream', class {})
  vi.stubGlobal(
    'MediaStreamAudioDestinationNode',
    class {
      readonly stream = { getAudioTracks: () => [{}] }
    },
  )
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: () => world.microphone() } })
  vi.stubGlobal('addEventListener', () => undefined)
  // Its types are those of a page, so the compiler of the tests does not see them.
  const kit = '../../src/browser/browser.js'
  world.connect = ((await import(kit)) as { connect: Connect }).connect
  return world
}
