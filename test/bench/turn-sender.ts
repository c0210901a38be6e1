// Sends whole turns: as fast as their answers are acknowledged, or frame by frame at a pace. Every turn of a session has ids of its own.
import { setTimeout as sleep } from 'node:timers/promises'
import { nowMicros } from './audio-frames.js'
import type { Channel } from './outbox.js'
import { evenTimes, loggedTimes } from './turn-times.js'
import { stampTurn, type Turn } from './turns.js'

export interface TurnSaturation {
  /** Turns of each session. */
  readonly turns: number
  /** Unacknowledged bytes allowed per session, at least two turns. */
  readonly windowBytes: number
  /** Milliseconds after which sending stops, even before `turns`. */
  readonly stopAfterMs: number
}

export interface TurnPace {
  /** From the beginning of a session's turn to that of its next. Sessions are spread over it, or if `times` is `even`, over one message's share of it. */
  readonly turnMs: number
  readonly times: 'even' | 'logged'
  readonly durationMs: number
}

export interface TurnsSent {
  readonly messages: number
  readonly audio: number
  readonly answers: number
  readonly letters: number
}

/** Every measurement goes on where the last one ended: an id that a session has seen must not come again. */
let nextTurn = 1

/** Resolves once every answer is acknowledged. The caller must bound the wait. */
export async function saturateTurns(channels: readonly Channel[], turn: Turn, settings: TurnSaturation): Promise<TurnsSent> {
  const from = nextTurn
  nextTurn += settings.turns
  const until = nowMicros() + settings.stopAfterMs * 1000
  const turns = await Promise.all(channels.map((channel) => saturateOne(channel, turn, from, settings, until)))
  return sentBy(
    turn,
    turns.reduce((sum, each) => sum + each, 0),
  )
}

function saturateOne(channel: Channel, turn: Turn, from: number, settings: TurnSaturation, until: number): Promise<number> {
  const window = Math.max(2, Math.floor(settings.windowBytes / turn.bytes.length))
  const buffers = Array.from({ length: window }, () => Buffer.from(turn.bytes))
  channel.acked = 0
  let sent = 0
  return new Promise((resolve) => {
    const pump = (): void => {
      // The last report of the measurement before may come as late as this. Believed, it would have buffers used again that are still being sent.
      if (channel.acked > sent * turn.answers) return
      const answered = Math.floor(channel.acked / turn.answers)
      const stopped = nowMicros() > until
      // A buffer is used again once the answers in it have arrived.
      while (!stopped && sent < settings.turns && sent - answered < window) {
        const into = buffers[sent % window] as Buffer
        stampTurn(into, turn, from + sent, channel.session, sent * turn.audio)
        channel.socket.write(into)
        sent++
      }
      if (answered < sent || (!stopped && sent < settings.turns)) return
      channel.onAck = undefined
      resolve(sent)
    }
    channel.onAck = pump
    pump()
  })
}

interface Speaking {
  readonly channel: Channel
  /** Of its current turn, with its stamps. */
  bytes: Buffer
  /** Next to be sent, counted over all turns. */
  next: number
  readonly beginsAt: number
}

/** Open loop: messages are sent at their time whether or not any arrive, those of one millisecond in one write. Ends with whole turns. */
export async function paceTurns(channels: readonly Channel[], turn: Turn, { turnMs, times, durationMs }: TurnPace): Promise<TurnsSent> {
  const turns = Math.max(1, Math.round(durationMs / turnMs))
  const from = nextTurn
  nextTurn += turns
  const dueMs = times === 'even' ? evenTimes(turn.messages, turnMs) : loggedTimes(turn.types)
  if ((dueMs.at(-1) as number) >= turnMs) throw new Error(`a turn takes ${dueMs.at(-1)} ms, more than ${turnMs}`)
  const start = nowMicros() / 1000
  const spreadMs = times === 'even' ? turnMs / turn.messages : turnMs
  const speaking: Speaking[] = channels.map((channel, index) => ({ channel, bytes: turn.bytes, next: 0, beginsAt: start + (index * spreadMs) / channels.length }))
  const last = turns * turn.messages
  for (let left = speaking; left.length > 0; left = left.filter(({ next }) => next < last)) {
    const now = nowMicros() / 1000
    for (const one of left) {
      const due = (next: number) => next < last && one.beginsAt + Math.floor(next / turn.messages) * turnMs + (dueMs[next % turn.messages] as number) <= now
      while (due(one.next)) {
        const number = Math.floor(one.next / turn.messages)
        const first = one.next % turn.messages
        if (first === 0) {
          one.bytes = Buffer.from(turn.bytes)
          stampTurn(one.bytes, turn, from + number, one.channel.session, number * turn.audio)
        }
        let end = first + 1
        while (end < turn.messages && due(one.next + end - first)) end++
        one.channel.socket.write(one.bytes.subarray(turn.frames[first], turn.frames[end]))
        one.next += end - first
      }
    }
    await sleep(1)
  }
  return sentBy(turn, turns * channels.length)
}

function sentBy(turn: Turn, turns: number): TurnsSent {
  return { messages: turns * turn.messages, audio: turns * turn.audio, answers: turns * turn.answers, letters: turns * turn.letters }
}
