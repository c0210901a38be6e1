// Prepares an answer before it is played: what the script or the simulator's model says, and its sound.
import { type Planned, planAnswer } from './answer.js'
import { contentOf } from './conversation.js'
import type { ResponseSettings } from './response-view.js'
import type { Step } from './script-run.js'
import type { Session } from './session-state.js'
import { speak, spread } from './speech.js'
import { type Spoken, splitWords } from './speech-tones.js'

/** A part of an answer: a message, with its sound if it is spoken, a call, or an effect of the script. */
export type Prepared = { readonly planned: Planned; readonly spoken?: Spoken } | Extract<Step, { kind: 'effect' }>

/** At once, unless a voice has to be made by another program. */
export function prepare(session: Session, settings: ResponseSettings): readonly Prepared[] | Promise<readonly Prepared[]> {
  const situation = { ...settings, preamble: session.options.preamble ?? session.traits.phases }
  const steps = session.script.plan(situation, settings.conversationId !== null) ?? planAnswer(situation)
  const parts = steps.map((step, index): Prepared | Promise<Prepared> => {
    if (step.kind === 'effect') return step
    const planned = step.kind === 'message' && session.traits.phases && steps[index + 1]?.kind === 'call' ? { ...step, remark: true } : step
    if (planned.kind === 'call' || settings.modality === 'text') return { planned }
    if (planned.sound) return { planned, spoken: { pcm: planned.sound, words: spread(planned.text, planned.sound.length / 48) } }
    const spoken = speak(planned.text, voiceOf(settings), session.options.voice ?? 'tones')
    return spoken instanceof Promise ? spoken.then((sound) => ({ planned, spoken: sound })) : { planned, spoken }
  })
  return parts.some((part) => part instanceof Promise) ? Promise.all(parts) : (parts as Prepared[])
}

/** The pieces in which a part is written: words, or JSON as a model writes it. */
export function piecesOf(planned: Planned): readonly string[] {
  return planned.kind === 'call' ? (planned.arguments.match(/[^\s:,]{1,12}[:,]?|[:,\s]/g) ?? []) : splitWords(planned.text)
}

/** A message right before a call. */
export function isRemark(part: Prepared): boolean {
  return 'planned' in part && part.planned.kind === 'message' && part.planned.remark === true
}

/** As models do: written words of the assistant in the conversation, and none spoken, make them write on. */
export function drifts(session: Session, { modality, items }: ResponseSettings): boolean {
  if (!session.options.driftToText || modality === 'text') return false
  const said = items.filter((stored) => stored.item.role === 'assistant').flatMap((stored) => contentOf(stored.item))
  return said.some((part) => part.type === 'output_text') && !said.some((part) => part.type === 'output_audio')
}

function voiceOf(settings: ResponseSettings): { voice: string; speed: number } {
  return { voice: typeof settings.voice === 'string' ? settings.voice : 'custom', speed: settings.speed }
}
