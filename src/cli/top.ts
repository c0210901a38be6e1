// The command `top`: all relays in a terminal, refreshed each second, or once for a script.
import { type AdminPort, type AdminPortOptions, adminPort, pictures } from './admin-port.js'
import { UsageError } from './commands.js'
import { TOP_ORDERS, type TopOrder, topText } from './top-text.js'

export interface TopOptions {
  readonly once: boolean
  readonly order: TopOrder
  /** Sessions to show. Undefined: as many as fit. */
  readonly rows: number | undefined
}

/** What is written to: a terminal, or a file or pipe. */
export interface Screen {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

const ROWS_WITHOUT_SCREEN = 20
/** A terminal without as many lines shows the beginning, which has what is broken. */
const LEAST_ROWS = 3
/** Home, then clear what is below. */
const HOME = '\u001b[H\u001b[J'
const CLEAR_LINE = '\u001b[K'

/** What was typed. Throws a `UsageError` that says what would be right. */
export async function topCommand(typed: AdminPortOptions & { readonly once?: boolean; readonly sort?: string; readonly rows?: string }, screen: Screen): Promise<void> {
  const order = TOP_ORDERS.find((one) => one === (typed.sort ?? 'wait'))
  if (!order) throw new UsageError(`--sort must be one of ${TOP_ORDERS.join(', ')}.`, 'top')
  if (typed.rows !== undefined && !/^\d{1,4}$/.test(typed.rows)) throw new UsageError('--rows must be a whole number up to 9999.', 'top')
  return top(await adminPort('top', typed), { once: typed.once ?? false, order, rows: typed.rows === undefined ? undefined : Number(typed.rows) }, screen)
}

/** Ends after one picture with `once`, else with the stream. */
export async function top(port: AdminPort, { once, order, rows }: TopOptions, screen: Screen): Promise<void> {
  const redraws = screen.isTTY === true && !once
  for await (const picture of pictures('top', port)) {
    const width = redraws ? (screen.columns ?? 80) : Number.POSITIVE_INFINITY
    const height = redraws ? (screen.rows ?? 24) : Number.POSITIVE_INFINITY
    const fixed = topText(picture, { most: 0, order, width }).length
    const most = rows ?? (redraws ? Math.max(LEAST_ROWS, height - fixed - 1) : ROWS_WITHOUT_SCREEN)
    const lines = topText(picture, { most, order, width }).slice(0, height - 1)
    screen.write(redraws ? `${HOME}${lines.map((line) => line + CLEAR_LINE).join('\n')}\n` : `${lines.join('\n')}\n${once ? '' : '\n'}`)
    if (once) return
  }
}
