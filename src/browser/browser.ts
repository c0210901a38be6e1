// What `realtime-relay/browser` offers: one session at a time that opens, comes back, begins anew if it must, listens and speaks.
import type { ClientEvent, ServerEvent } from '../events/events.js'
import { createAnswers, OWN_ID } from './answers.js'
import { calling } from './calling.js'
import { socketTo, tokenOf } from './dialling.js'
import { isLost, type TalkState } from './line.js'
import { createHub } from './listeners.js'
import type { Relay, RelayOptions, RelayState } from './relay.js'
import { ENABLE_ID, resuming, type Talk } from './resuming.js'
import { createSound } from './sound.js'
import { isProblem, type Problem, problemIn, problemOf } from './trouble.js'
import { watchPage } from './watching.js'

export type { ClientEvent, ServerEvent, ServerEvents } from '../events/events.js'
export type { Listeners, Relay, RelayOptions, RelayState } from './relay.js'
export type { Problem } from './trouble.js'

/** The relay restarted, or does not know the session that this page came back to. */
const BEGIN_ANEW: readonly number[] = [1012, 4410]
/** So often a next session is tried; the pauses double from half a second to eight. */
const MOST_TRIES = 8
const REFRESH_MS = 2000
/** So much that a socket has not sent says that it is dead: twenty seconds of sound. */
const MOST_BUFFERED = 1_300_000
const MOST_PENDING = 1000
/** Where an event names what its session has. */
const NAMES = ['type', 'item', 'item_id', 'previous_item_id', 'response_id', 'call_id']
/** What makes sense in that session alone, or in that moment: of an event with nothing but `NAMES`. */
const OF_ITS_SESSION = /_id":"(?!root")|:"((in|out)put_audio_buffer|response.cancel")/

/** Nothing happens before `open`, `talk` or `say`, so it can be called while a page is built, also on a server. */
export function connect(options: RelayOptions): Relay {
  const { on, emit } = createHub()
  const tell = (problem: Problem) => emit('problem', problem)
  let state: RelayState = 'closed'
  let speaking = false
  let talk: Talk | undefined
  let socket: WebSocket | undefined
  /** Who waits for a live session. */
  const waiting: [resolve: () => void, reject: (problem: Problem) => void][] = []
  /** What waits for one. */
  let pending: ClientEvent[] = []
  /** Counts sessions, and what was asked of the microphone: the last one holds. */
  let [session, asked] = [0, 0]
  /** Whether there was a live session since `open`, how often a next one was tried, and whether too much waits for it. */
  let [wasLive, tries, told] = [false, 0, false]
  /** The last token, and what the relay said before it closed. */
  let [bearer, words] = ['', '']
  let timer: ReturnType<typeof setTimeout> | undefined
  let unwatch: (() => void) | undefined

  const hooks = {
    send,
    tell,
    onPart(audio: string) {
      const stalls = state === 'open' && (socket as WebSocket).bufferedAmount > MOST_BUFFERED
      if (stalls) talk?.doubt()
      // If there is no coming back, it stays open.
      if (!stalls || state !== 'open') send({ type: 'input_audio_buffer.append', audio })
    },
    onSpeaking(speaks: boolean) {
      if (speaks === speaking) return
      speaking = speaks
      emit('speaking', speaks)
    },
    onListening: (listens: boolean) => emit('listening', listens),
  }
  const sound = createSound(options, hooks)
  const answers = createAnswers(options, hooks, sound)

  function set(next: RelayState) {
    if (next === state) return
    state = next
    emit('state', next)
  }

  function open(): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => {
      if (state === 'open') resolve()
      else waiting.push([resolve, reject])
    })
    if (state === 'closed') {
      unwatch = watchPage(() => talk?.doubt(), close)
      const mine = ++session
      set('connecting')
      if (mine === session) begin()
    }
    return quiet(promise)
  }

  function begin() {
    const mine = ++session
    words = ''
    const common = {
      connect: dial,
      onEvent: (event: object) => mine === session && heard(event as ServerEvent),
      onState: (...given: Parameters<typeof changed>) => mine === session && changed(...given),
    }
    try {
      const ends = sound.ends()
      talk = ends ? calling({ ...common, ...ends, url: options.url, token: fresh, bearer: () => bearer }) : resuming(common)
    } catch {
      ended(1006, problemOf('address'))
    }
  }

  async function fresh(): Promise<string> {
    bearer = await tokenOf(options)
    return bearer
  }

  async function dial(protocols: string[], callId?: string): Promise<WebSocket> {
    socket = socketTo(options.url, await fresh(), protocols, callId)
    return socket
  }

  function heard(event: ServerEvent) {
    if (event.type === 'error') {
      const { code, event_id: about, message } = event.error
      if (state !== 'open' || event.event_id === 'event_relay_close') words = message
      else if (about !== ENABLE_ID && about !== OWN_ID && code !== 'response_cancel_not_active') tell(problemIn(event.error))
    } else if (event.type === 'relay.token.expiring') refresh(session)
    else answers.heard(event)
    emit(event.type, event as never)
    emit('*', event)
  }

  /** Until there is another token, or the session's end. */
  async function refresh(mine: number, old = bearer) {
    const token = await fresh().catch((problem) => {
      if (mine === session) tell(problem)
      return old
    })
    if (mine !== session) return
    // Not told as `sent`: it is nobody's business.
    if (token !== old) talk?.send({ type: 'relay.token.refresh', token })
    else timer = setTimeout(refresh, REFRESH_MS, mine, old)
  }

  /** A listener may close: then another session counts, or none. */
  function changed(next: TalkState, detail?: boolean | number, reason?: unknown) {
    const mine = session
    if (next === 'over') return ended(detail as number, reason)
    if (next === 'away') return set('away')
    if (next === 'open' && wasLive) {
      pending = pending.filter((event) => !OF_ITS_SESSION.test(JSON.stringify(event, NAMES)))
      tell(problemOf('new_session'))
    }
    if (next === 'back' && !detail) {
      answers.missed()
      tell(problemOf('missed'))
    }
    if (mine !== session) return
    wasLive = true
    told = false
    tries = 0
    words = ''
    set('open')
    if (mine !== session) return
    for (const event of pending.splice(0)) talk?.send(event)
    for (const [resolve] of waiting.splice(0)) resolve()
  }

  function ended(code: number, reason: unknown) {
    if (wasLive && (tries > 0 ? isLost(code) && tries < MOST_TRIES : BEGIN_ANEW.includes(code))) {
      // Nothing of the old one counts any more.
      const mine = ++session
      answers.forget()
      set('away')
      if (mine !== session) return
      timer = setTimeout(begin, tries && Math.min(250 * 2 ** tries, 8000))
      tries++
      return
    }
    const isGone = wasLive && tries === 0 && code === 1006
    const problem = isProblem(reason) ? reason : problemOf(isGone ? 'lost' : code, words)
    finish(problem)
    tell(problem)
  }

  function finish(problem: Problem) {
    Object.assign(problem, { fatal: true })
    session++
    asked++
    clearTimeout(timer)
    unwatch?.()
    answers.forget()
    sound.close()
    pending = []
    wasLive = false
    tries = 0
    // A listener may open again.
    const late = waiting.splice(0)
    set('closed')
    for (const [, reject] of late) reject(problem)
  }

  function send(event: ClientEvent) {
    if (state === 'open') talk?.send(event)
    else if (pending.push(event) > MOST_PENDING) {
      pending.shift()
      if (!told) tell(problemOf('full'))
      told = true
    }
    emit('sent', event)
  }

  function close() {
    const old = talk
    if (state !== 'closed') finish(problemOf(1000))
    old?.close()
  }

  async function listen() {
    const mine = ++asked
    sound.wake()
    await open()
    if (mine !== asked) return
    const opened = sound.listen(() => mine === asked)
    await opened.catch((problem) => {
      tell(problem)
      throw problem
    })
  }

  return {
    get state() {
      return state
    },
    get listening() {
      return sound.listens
    },
    get speaking() {
      return speaking
    },
    on,
    open,
    send,
    say(text) {
      sound.wake()
      answers.interrupt()
      send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      send({ type: 'response.create' })
      open()
    },
    talk: () => quiet(listen()),
    mute() {
      asked++
      sound.mute()
    },
    interrupt: answers.interrupt,
    close,
  }
}

/** Who does not wait for it hears of a problem all the same, by `problem`. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined)
  return promise
}
