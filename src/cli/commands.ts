// Names the commands, what each takes, and what their help says. A mistyped command is answered with the nearest one.
import { distance } from '../config/misspelt.js'
import { startupProblem } from '../process/startup-problem.js'
import { SIMULATE_USAGE } from '../simulator/command-usage.js'

interface Command {
  /** As typed, after the program's name. */
  readonly usage: string
  readonly does: string
  /** Each option with what it means. */
  readonly options?: Readonly<Record<string, string>>
}

const ENV_FILE = { '--env-file FILE': 'read settings from this file too, such as .env; what is already set wins' }
const ADMIN = {
  '--url URL': 'the admin port; without it ADMIN_HOST and ADMIN_PORT say where',
  '--token-file F': 'a file with a token whose scope has relay:read; without it one is signed with JWT_SECRET',
  '--token T': 'the token itself, which other users of this machine may then see',
  ...ENV_FILE,
}
const CALLER = { '--sub NAME': 'the user', "--claims '{…}'": 'further claims, a JSON object' }

export const COMMANDS = {
  init: {
    usage: 'init [azure|openai|simulator]',
    does: 'write a commented .env to start from (azure if you name none); with --app a first app',
    options: {
      '--file FILE': 'instead of .env',
      '--force': 'overwrite the file',
      '--app NAME [FOLDER]': 'copy an app instead: page, react, next, node, python or phone, into an empty folder (relay-NAME if you name none)',
    },
  },
  serve: { usage: 'serve', does: 'start the relay (as npm start does)', options: ENV_FILE },
  demo: {
    usage: 'demo',
    does: 'relay, simulator and sample tools on this machine, nothing else needed',
    options: { '--heard TEXT': 'the words that the simulator hears in every spoken turn', '--voice tones|espeak': 'what the simulator speaks with', ...ENV_FILE },
  },
  check: {
    usage: 'check [--tools|--telephony]',
    does: 'validate the configuration, reach upstream, Redis, key set and tools, print a table',
    options: {
      '--tools': 'list every tool with its schema, source and whether it can be reached; calls none',
      '--telephony': 'the public address, the paths of carriers as seen from outside, and credentials; rings nobody',
      ...ENV_FILE,
    },
  },
  call: { usage: "call <tool> '<json>'", does: 'run one tool by hand', options: { ...CALLER, ...ENV_FILE } },
  token: { usage: 'token --sub alice', does: 'sign a token with JWT_SECRET', options: { ...CALLER, '--ttl 10m': 'how long it is valid: 90s, 10m, 2h or 7d', ...ENV_FILE } },
  explain: { usage: 'explain --token T', does: 'what this caller’s session would be, and why', options: { '--token T': 'the caller’s token', ...ENV_FILE } },
  top: {
    usage: 'top',
    does: 'watch all relays: what is broken, calls, limits, sessions; each second, through the admin API',
    options: { '--once': 'print once and end', '--sort wait|cost|age|user': 'the order of the sessions', '--rows N': 'how many sessions', ...ADMIN },
  },
  session: {
    usage: 'session <id>',
    does: 'what one session does now, and what happened in it, without content',
    options: { '--log FILE': 'log lines of the relays that ran it; - for standard input', '--offline': 'ask no relay: the log alone', ...ADMIN },
  },
  canary: {
    usage: 'canary',
    does: 'a short spoken session with each upstream: names what the relay’s tables do not know; 0 nothing, 1 something, 2 not reached',
    options: { '--upstream NAME': 'this one alone', ...ENV_FILE },
  },
  audit: {
    usage: 'audit verify DIR --key FILE',
    does: 'judge an audit: 0 whole and anchored, 1 changed or cut, 2 not anchored; `audit key` makes a key',
    options: {
      '--key FILE': 'the Ed25519 key in PEM that signed it; its public half will do',
      '--anchors FILE': 'checkpoints kept elsewhere, such as a log; - for standard input. REDIS_URL is asked as well',
      ...ENV_FILE,
    },
  },
  replay: {
    usage: 'replay FILE --profiles new.json',
    does: 'what changed profiles would have decided differently in a recorded session or transcript; 0 nothing, 1 something, 2 not readable',
    options: {
      '--profiles FILE': 'takes the place of PROFILES_FILE after the change',
      '--before FILE': 'takes its place before the change; without it the environment says',
      '--profile NAME': 'the profile of the caller, default if you name none',
      "--claims '{…}'": 'what else the token of the caller says',
      '--dialect ga|preview|voice-live': 'how the recording is spelled, ga if you name none',
      '--phone': 'the caller telephones, so can be transferred',
      '--content': 'print values too: instructions, words, arguments',
      ...ENV_FILE,
    },
  },
  erase: {
    usage: 'erase --sub NAME',
    does: 'remove what is stored of a user: records, usage; prints what remains and why; exit code 0 or 1',
    options: { '--sub NAME': 'the user, as tokens name it', ...ENV_FILE },
  },
  simulate: { usage: 'simulate --port N', does: 'the simulated Azure OpenAI Realtime alone' },
  'simulate-call': {
    usage: "simulate-call --say 'words'",
    does: 'ring the relay as a telephone carrier does, talk, and print what happened when',
    options: {
      '--carrier twilio|acs|sip': 'which carrier rings (twilio if you name none)',
      '--settings': 'print the settings that the relay must have for this carrier, and end',
      '--url URL': 'the relay on this machine; without it http://127.0.0.1 and PORT',
      '--port N': 'where the simulated carrier listens (acs 9201, sip 9202)',
      '--from NUMBER': 'the caller, +4915550001 if you name none; withheld hides it',
      '--to NUMBER': 'the called number, +4930555000 if you name none',
      "--say 'words'|file.wav": 'said when the line is quiet; may be repeated. Words need espeak-ng, or become tones',
      '--interrupt-at MS': 'the last --say breaks in, so long after the answer before it began',
      '--press 1234#': 'keys, pressed when all is said and answered',
      '--hang-up-after S': 'the caller hangs up so long after the connection',
      '--until-ended': 'the caller waits for the relay to end the call',
      '--seconds S': 'the whole call, 120 at most if you name none',
      '--save heard.wav': 'what the caller heard',
      ...ENV_FILE,
    },
  },
} as const satisfies Readonly<Record<string, Command>>

export type CommandName = keyof typeof COMMANDS

/** A mistake in how a command was typed. Its help is printed after the message; without `command`, the list of commands. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly command?: CommandName,
  ) {
    super(message)
  }
}

export function isCommand(word: string | undefined): word is CommandName {
  return word !== undefined && Object.hasOwn(COMMANDS, word)
}

export function help(command?: CommandName): string {
  if (command === undefined) {
    const lines = Object.values(COMMANDS).map(({ usage, does }) => columns(usage, does))
    return ['realtime-relay <command>', '', ...lines, '', columns('<command> --help', 'what one command takes'), columns('--version', 'which version this is')].join('\n')
  }
  const { usage, does, options }: Command = COMMANDS[command]
  if (command === 'simulate') return `realtime-relay ${SIMULATE_USAGE}\n\n  ${does}`
  return [`realtime-relay ${usage}`, '', `  ${does}`, '', ...Object.entries(options ?? {}).map(([option, meaning]) => columns(option, meaning))].join('\n')
}

/** What is printed before a command ends with code 1. */
export function failureText(error: unknown): string {
  return error instanceof UsageError ? `${error.message}\n\n${help(error.command)}` : startupProblem(error)
}

/** Echoes the word, so that a reader sees what was taken for the command. */
export function unknownCommand(word: string): UsageError {
  const near = nearest(word, Object.keys(COMMANDS))
  return new UsageError(`There is no command ${JSON.stringify(word.slice(0, 40))}.${near ? ` Did you mean ${near}?` : ''}`)
}

/** Within two edits, or one the beginning of the other. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known.map((name) => ({ name, edits: distance(word, name, 2) })).sort((a, b) => a.edits - b.edits)
  if (best && best.edits <= 2 && best.edits < best.name.length - 1) return best.name
  return word.length >= 3 ? known.find((name) => name.startsWith(word) || word.startsWith(name)) : undefined
}

function columns(left: string, right: string): string {
  return `  ${left.padEnd(30)} ${right}`
}
