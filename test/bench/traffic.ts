// The commands of mock upstream and load generator that move audio between them and count it.
import type { Direction } from './audio-frames.js'
import type { Credits } from './credits.js'
import { type Inboxes, type InboxReport, type InboxSettings, SEQUENCES } from './inbox.js'
import { type Channel, type Pace, type PaceReport, pace, type Rings, ringShape, ringsFor, type Saturation, saturate, sendRandom, stampedFor, type Verification } from './outbox.js'
import { paceTurns, saturateTurns, type TurnPace, type TurnSaturation, type TurnsSent } from './turn-sender.js'
import { type TurnKind, turnOf } from './turns.js'

/** Which sessions of this end take part: all, or those from `from` up to but not including `to`. */
export interface Part {
  readonly from?: number
  readonly to?: number
}

export interface TurnSettings {
  readonly kind: TurnKind
  readonly audioChars: number
}

export interface Preparation extends Part {
  readonly audioChars: number
  readonly kind: 'ring' | 'paced'
}

/** Commands of either end, as called by the harness. */
export interface TrafficCommands {
  /** Everything counted starts again. */
  reset(settings: Partial<Omit<InboxSettings, 'modulo'>> & { readonly ringOfChars?: number }): void
  /** Builds the messages in advance, so that sending them costs very little. */
  prepare(preparation: Preparation): void
  /** Sends the prepared `ring`. Resolves to the number of messages once all are acknowledged. */
  saturate(settings: Saturation): Promise<number>
  /** Sends the prepared `paced` messages. */
  pace(settings: Pace): Promise<PaceReport>
  /** Sends whole turns to every session. */
  turns(settings: TurnSettings & (TurnSaturation | TurnPace)): Promise<TurnsSent>
  sendRandom(settings: Verification): Promise<Record<string, string>>
  report(): InboxReport
  /** Messages handed to the sockets, and bytes of them the kernel has not taken. */
  progress(): { sent: number; unsentBytes: number }
}

export interface Traffic {
  readonly channels: Map<number, Channel>
  readonly commands: TrafficCommands
  /** A number for this measurement's response ids. */
  readonly run: () => number
  acknowledge(session: number, received: number): void
  /** Called after each read of a connection. */
  afterRead(session: number, received: number): void
  useCredits(credits: Credits): void
}

/** `direction` is the one this end sends in. */
export function trafficOf(direction: Direction, inboxes: Inboxes): Traffic {
  const channels = new Map<number, Channel>()
  let rings: Rings = { of: new Map(), slice: 1 }
  let paced: ReturnType<typeof stampedFor> = new Map()
  let credits: Credits | undefined
  let run = 0
  const chosen = (part: Part): Channel[] => [...channels.values()].filter(({ session }) => session >= (part.from ?? 0) && session < (part.to ?? Number.POSITIVE_INFINITY))
  return {
    channels,
    run: () => run,
    acknowledge: (session, received) => {
      const channel = channels.get(session)
      if (!channel) return
      channel.acked = received
      channel.onAck?.()
    },
    afterRead: (session, received) => {
      if (inboxes.credits && session >= 0) credits?.report(session, received)
    },
    useCredits: (peer) => {
      credits = peer
    },
    commands: {
      reset: (settings) => {
        const { credits = false, counting = 'audio', hashing = false, ringOfChars = 4096 } = settings
        inboxes.reset({ credits, counting, hashing, modulo: counting === 'audio' ? ringShape(ringOfChars).ring : SEQUENCES })
        run++
      },
      prepare: (preparation) => {
        if (preparation.kind === 'ring') rings = ringsFor(direction, chosen(preparation), preparation.audioChars, run)
        else paced = stampedFor(direction, chosen(preparation), preparation.audioChars, run)
      },
      saturate: (settings) => saturate(rings, settings),
      pace: (settings) => pace(paced, settings),
      turns: (settings) => {
        const turn = turnOf(settings.kind, settings.audioChars)
        const all = [...channels.values()]
        return 'turns' in settings ? saturateTurns(all, turn, settings) : paceTurns(all, turn, settings)
      },
      sendRandom: (settings) => sendRandom(direction, [...channels.values()], settings, run),
      report: () => inboxes.report(),
      progress: () => {
        let sent = 0
        let unsentBytes = 0
        for (const channel of channels.values()) {
          sent += channel.sent
          unsentBytes += channel.socket.writableLength
        }
        return { sent, unsentBytes }
      },
    },
  }
}
