// Sends whole turns: as fast as their answers are acknowledged, or frame by frame at a pace. Every turn of a session has ids of its own.
import { setTimeout as sleep } from 'node:timers/promises'
import { nowMicros } from './audio-frames.js'
import type { Channel } from './outbox.js'
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
  /** Time between two messages of one session. Sessions are spread evenly over it. */
  readonly intervalMs: number
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

/** Open loop: messages are sent at their time whether or not any arrive. Ends with whole turns. */
export async function paceTurns(channels: readonly Channel[], turn: Turn, { intervalMs, durationMs }: TurnPace): Promise<TurnsSent> {
  const turns = Math.max(1, Math.round(durationMs / intervalMs / turn.messages))
  const from = nextTurn
  nextTurn += turns
  const step = (intervalMs * 1000) / channels.length
  const total = channels.length * turns * turn.messages
  const buffers = channels.map(() => turn.bytes)
  const start = nowMicros()
  let sent = 0
  while (sent < total) {
    const now = nowMicros()
    while (sent < total && start + sent * step <= now) {
      const index = sent % channels.length
      const channel = channels[index] as Channel
      const message = Math.floor(sent / channels.length)
      const place = message % turn.messages
      const number = Math.floor(message / turn.messages)
      if (place === 0) {
        buffers[index] = Buffer.from(turn.bytes)
        stampTurn(buffers[index], turn, from + number, channel.session, number * turn.audio)
      }
      channel.socket.write((buffers[index] as Buffer).subarray(turn.frames[place], turn.frames[place + 1]))
      sent++
    }
    await sleep(1)
  }
  return sentBy(turn, turns * channels.length)
}

function sentBy(turn: Turn, turns: number): TurnsSent {
  return { messages: turns * turn.messages, audio: turns * turn.audio, answers: turns * turn.answers, letters: turns * turn.letters }
}
