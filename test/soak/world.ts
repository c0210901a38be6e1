// What the processes of the soak with abusers tell each other, and the settings that they share.
import { fileURLToPath } from 'node:url'
import type { Used } from './meter.js'

export const SECRET = 'a shared secret of the soak, 32 bytes or more'
export const DEPLOYMENT = 'soak'
export const TOOL_MAX_ROUNDS = 4
/** New connections a second of one address, and twice as many at once. */
export const CONNECTS_PER_SECOND = 20
/** Dollars a minute of transcription. */
export const MINUTE_PRICE = 0.06

export interface World {
  /** `ws://…/v1/realtime`, and the two servers. */
  readonly url: string
  readonly httpUrl: string
  readonly adminUrl: string
}
export type Order = { readonly round: { readonly world: World; readonly number: number; readonly ms: number } } | { readonly stop: true }

/** Of the process with upstream, meter, back end and honest users. */
export interface Surroundings {
  readonly simulatorUrl: string
  readonly toolUrl: string
}
export interface HonestRound {
  readonly sessions: number
  /** Answers that were put off, since Redis did not say in time what is left of the quota. */
  readonly waits: number
  readonly problems: readonly string[]
  /** Milliseconds from a question to the end of its answer, and from a connection to its session. */
  readonly answers: readonly number[]
  readonly connects: readonly number[]
  readonly used: Readonly<Record<string, Used>>
}
/** Of the process with the abusers, which has an MCP server too. */
export interface AbuserSurroundings {
  readonly mcpUrl: string
}
export interface AbuserRound {
  readonly sessions: number
  readonly problems: readonly string[]
  /** By abuser, how often it did what it does. */
  readonly done: Readonly<Record<string, number>>
}

/** The quota of each abuser that has one, with the most that may be used: the quota, and what one response more takes. */
export const QUOTAS = {
  leaver: { per: { responses: 2 }, most: { responses: 3 } },
  idler: { per: { responses: 1 }, most: { responses: 2 } },
  // An item is ten seconds; the one that reaches the quota passes, and its answer is heard to its end.
  itemSpeaker: { per: { audioMinutes: 0.5 }, most: { audioSeconds: 60 } },
  // A turn is two seconds, and the next may be on its way when the first is priced.
  dictator: { per: { money: 0.01 }, most: { transcribedSeconds: (0.01 / MINUTE_PRICE) * 60 + 6 } },
  looper: { per: { responses: 3 }, most: { responses: 3 + TOOL_MAX_ROUNDS + 2 } },
} as const

export const profiles = (): object =>
  Object.fromEntries([
    ...Object.entries(QUOTAS).map(([name, { per }]) => [
      name,
      {
        tools: name === 'looper' ? ['loop_tool'] : [],
        clientMaySet: ['audio.input.turn_detection'],
        limits: { quota: { perDay: per }, responsesPerMinute: 1000 },
        session: {
          output_modalities: ['text'],
          ...(name === 'dictator' && { audio: { input: { transcription: { model: 'gpt-realtime-whisper' }, turn_detection: { type: 'server_vad', create_response: false } } } }),
        },
      },
    ]),
    ['honest', { tools: ['get_weather'], limits: { quota: { perDay: { responses: 1_000_000 } }, responsesPerMinute: 10_000 } }],
    ['canceller', { tools: ['slow_tool'], limits: { responsesPerMinute: 10_000 } }],
    ['flood', { tools: [] }],
  ])

export const prices = (): object => ({
  currency: 'USD',
  date: '2026-11-25',
  prices: { [DEPLOYMENT]: { input_text: 4, output_text: 16, input_audio: 32, output_audio: 64 }, 'gpt-realtime-whisper': { minute: MINUTE_PRICE } },
})

export const tools = (toolUrl: string, mcpUrl: string): object[] => {
  const run = (name: string) => ({
    type: 'function',
    name,
    description: `Does ${name}.`,
    parameters: { type: 'object', properties: {} },
    run: { http: { method: 'POST', url: `${toolUrl}/${name}` } },
  })
  return [run('get_weather'), run('loop_tool'), run('slow_tool'), { type: 'mcp', server_label: 'docs', url: mcpUrl }]
}

/** A model that calls one tool for ever, and another once. */
export const SCRIPT = {
  answers: [
    { on: { says: 'loop' }, reply: [{ call: { name: 'loop_tool' } }] },
    { on: { result: 'loop_tool' }, reply: [{ call: { name: 'loop_tool' } }] },
    { on: { says: 'slow' }, reply: [{ call: { name: 'slow_tool' } }] },
    { on: { result: 'slow_tool' }, reply: [{ say: 'Slowly done.' }] },
  ],
}

export const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
