// What `realtime-relay/browser` offers: one session at a time that opens, comes back, begins anew if it must, listens and speaks.
import type { ClientEvent, ServerEvent } from '../events/events.js'
import { createAnswers, OWN_ID } from './answers.js'
import { calling } from './calling.js'
import { createHub } from './listeners.js'
import type { Relay, RelayOptions, RelayState } from './relay.js'
import { ENABLE_ID, type Heard, resuming, type Talk, type TalkState } from './resuming.js'
import { createSound } from './sound.js'
import { createToken } from './token.js'
import { type Problem, problemIn, problemOf } from './trouble.js'
import { watchPage } from './watching.js'

export type { ClientEvent, ServerEvent, ServerEvents } from '../events/events.js'
export type { Listeners, Relay, RelayOptions, RelayState } from './relay.js'
export { resuming, type Socket, type Talk, type TalkOptions } from './resuming.js'
export type { Problem } from './trouble.js'

/** The relay restarted, or does not know the session that this page came back to. */
const BEGIN_ANEW: readonly number[] = [1012, 4410]
/** No answer yet, still going, or full: worth another try. */
const TRY_AGAIN: readonly number[] = [1006, 1012, 1013]
const PAUSES_MS = [0, 500, 1000, 2000, 4000, 8000, 8000, 8000]
/** For the first word of a relay, which dials the model before. */
const DIAL_MS = 30_000
const MOST_PENDING = 1000
/** So much that a socket has not sent says that it is dead: twenty seconds of sound. */
const MOST_BUFFERED = 1_300_000
/** What makes sense in that session alone, or in that moment. */
const OF_ITS_SESSION = /"(item|call|response|previous_item)_id"|"(in|out)put_audio_buffer|"response.cancel"/

interface Opening {
  readonly promise: Promise<void>
  resolve(): void
  reject(problem: Problem): void
}

/** Nothing happens before `open`, `talk` or `say`, so it can be called while a page is built, also on a server. */
export function connect(options: RelayOptions): Relay {
  const isCall = options.transport === 'webrtc'
  const { on, emit } = createHub()
  const tell = (problem: Problem) => emit('problem', problem)
  const token = createToken(options.token)
  let state: RelayState = 'closed'
  let speaking = false
  let talk: Talk | undefined
  let socket: WebSocket | undefined
  let opening: Opening | undefined
  /** Counts sessions, and what was asked of the microphone: the last one holds. */
  let [session, asked] = [0, 0]
  /** Whether there was a live session since `open`, and how often a next one was tried. */
  let [wasLive, tries] = [false, 0]
  let timer: ReturnType<typeof setTimeout> | undefined
  let unwatch: (() => void) | undefined
  /** The relay's own, before it closed. */
  let words = ''
  /** Why the last dial was none. */
  let failed: Problem | undefined
  let pending: ClientEvent[] = []

  const onSpeaking = (speaks: boolean) => {
    if (speaks === speaking) return
    speaking = speaks
    emit('speaking', speaks)
  }
  const sound = createSound({
    isCall,
    workletUrl: options.workletUrl,
    onPart(audio) {
      if (socket && socket.bufferedAmount > MOST_BUFFERED) talk?.doubt()
      else send({ type: 'input_audio_buffer.append', audio })
    },
    onSpeaking,
    onListening: (listens) => emit('listening', listens),
    onLost: () => tell(problemOf('device_lost')),
  })
  const answers = createAnswers({ isCall, byRelay: options.interruptedBy === 'relay', sound, send, onSpeaking, onProblem: tell })

  function set(next: RelayState) {
    if (next === state) return
    state = next
    emit('state', next)
  }

  function open(): Promise<void> {
    if (!opening) {
      opening = promised()
      unwatch = watchPage(() => talk?.doubt(), close)
      // A page that nobody has clicked gets a warning for it.
      if (navigator.userActivation?.hasBeenActive !== false) sound.wake()
      set('connecting')
      begin()
    }
    return opening?.promise ?? Promise.resolve()
  }

  function begin() {
    const mine = ++session
    const onEvent = (event: Heard) => mine === session && heard(event as ServerEvent)
    const onState = (next: TalkState, detail?: boolean | number, reason?: string) => {
      if (mine !== session) return
      if (next === 'over') ended(Number(detail), reason)
      else if (next === 'away') away()
      else live(next === 'open', detail === true)
    }
    failed = undefined
    words = ''
    try {
      const common = { connect: dial, onEvent, onState }
      talk = isCall ? calling({ ...common, ...sound.ends(), url: options.url, token: fresh }) : resuming(common)
    } catch {
      failed = problemOf('address')
      ended(1006)
    }
  }

  async function fresh(): Promise<string> {
    try {
      return await token.fresh()
    } catch (problem) {
      failed = problem as Problem
      throw problem
    }
  }

  async function dial(protocols: string[], callId?: string): Promise<WebSocket> {
    failed = undefined
    const bearer = await fresh()
    try {
      const address = new URL(options.url)
      if (callId) address.searchParams.set('call_id', callId)
      const dialled = new WebSocket(address, [...protocols, `openai-insecure-api-key.${bearer}`])
      const deadline = setTimeout(() => {
        dialled.onclose?.(new CloseEvent('close', { code: 1006 }))
        dialled.close()
      }, DIAL_MS)
      for (const type of ['message', 'close']) dialled.addEventListener(type, () => clearTimeout(deadline))
      socket = dialled
      return dialled
    } catch (error) {
      failed = problemOf('address')
      throw error
    }
  }

  function heard(event: ServerEvent) {
    if (event.type === 'error') {
      const { code, event_id: about, message } = event.error
      if (state !== 'open') words = message
      else if (about !== ENABLE_ID && about !== OWN_ID && code !== 'response_cancel_not_active') tell(problemIn(event.error))
    } else if (event.type === 'relay.token.expiring') refresh(session, event.expires_at * 1000)
    else answers.heard(event)
    emit(event.type, event as never)
    emit('*', event)
  }

  /** Until there is another token, or the end. */
  async function refresh(mine: number, endsAt: number) {
    const old = token.last
    try {
      // Not told as `sent`: it is nobody's business.
      if ((await token.fresh()) !== old && mine === session) talk?.send({ type: 'relay.token.refresh', token: token.last })
    } catch (problem) {
      if (mine !== session) return
      tell(problem as Problem)
      if (Date.now() < endsAt) timer = setTimeout(refresh, 5000, mine, endsAt)
    }
  }

  function live(isNew: boolean, isWhole: boolean) {
    if (isNew && wasLive) {
      pending = pending.filter((event) => !OF_ITS_SESSION.test(JSON.stringify(event)))
      tell(problemOf('new_session'))
    }
    if (!isNew && !isWhole) {
      answers.missed()
      tell(problemOf('missed'))
    }
    wasLive = true
    tries = 0
    set('open')
    for (const event of pending.splice(0)) talk?.send(event)
    opening?.resolve()
  }

  function away() {
    if (state === 'open') opening = promised()
    set('away')
  }

  function ended(code: number, reason?: string) {
    const pause = PAUSES_MS[tries]
    if (wasLive && (tries > 0 ? TRY_AGAIN : BEGIN_ANEW).includes(code) && pause !== undefined) {
      tries++
      answers.forget()
      away()
      timer = setTimeout(begin, pause)
      return
    }
    const isLost = wasLive && tries === 0 && code === 1006
    const problem = Object.assign(failed ?? problemOf(code, words || wordsIn(reason), true, isLost ? 'lost' : code), { fatal: true })
    finish(problem)
    tell(problem)
  }

  function finish(problem: Problem) {
    session++
    asked++
    clearTimeout(timer)
    unwatch?.()
    answers.forget()
    sound.close()
    pending = []
    wasLive = false
    tries = 0
    talk = undefined
    const waiting = opening
    opening = undefined
    set('closed')
    waiting?.reject(problem)
  }

  function send(event: ClientEvent) {
    if (state === 'open') talk?.send(event)
    else if (pending.push(event) > MOST_PENDING) {
      pending.shift()
      tell(problemOf('full'))
    }
    emit('sent', event)
  }

  function close() {
    const old = talk
    session++
    if (state !== 'closed') finish(problemOf(1000))
    old?.close()
  }

  async function listen() {
    const mine = ++asked
    sound.wake()
    await open()
    if (mine !== asked) return
    try {
      await sound.listen()
    } catch (problem) {
      tell(problem as Problem)
      throw problem
    }
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

/** A close reason is for machines, but for a call's refusal. */
function wordsIn(reason: string | undefined): string {
  return reason && !/^\w+: \w+(;|$)/.test(reason) ? reason : ''
}

/** Who does not wait for it hears of a problem all the same, by `problem`. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined)
  return promise
}

function promised(): Opening {
  let resolve: Opening['resolve'] = () => undefined
  let reject: Opening['reject'] = () => undefined
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise: quiet(promise), resolve, reject }
}
