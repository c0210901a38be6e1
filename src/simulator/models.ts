// What a model's generation changes: the defaults of its sessions, and how its answers are built.

export interface ModelTraits {
  readonly voice: string
  readonly silenceMs: number
  /** Messages name their `phase`, a remark goes before a call, and the call streams before the remark is done. */
  readonly phases: boolean
}

const FIRST: ModelTraits = { voice: 'alloy', silenceMs: 200, phases: false }
/** Source: a recorded session of gpt-realtime-2.1. */
const SECOND: ModelTraits = { voice: 'marin', silenceMs: 500, phases: true }

/** By the model's name. A deployment with a name of its own counts as the first generation, unless the option `model` says otherwise. */
export function traitsOf(model: string): ModelTraits {
  return /^gpt-realtime-[2-9](?:$|[.-])/.test(model) ? SECOND : FIRST
}
