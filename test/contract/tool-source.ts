// The contract of every tool source, run against http, module, MCP over HTTP and MCP over stdio.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ToolSource } from '../../src/ports/tools.js'
import { contextFor } from '../tools/tool-context.js'

export interface ToolSourceFixture {
  readonly source: ToolSource
  /** The listed name of one of the tools below. */
  readonly name: (tool: string) => string
  /** Ends the back end. The suite itself closes the source. */
  readonly close: () => Promise<void>
}

/** The configured limit of the source's outputs. */
export const CONTRACT_MAX_BYTES = 2000
export const CONTRACT_SECRET = 'hunter2-connection-string'

/**
 * The back end offers: `echo {text}` · `fail`, whose failure text holds CONTRACT_SECRET · `big`, 5 MB of é · `hang`, never answers ·
 * `when_hanging` and `when_aborted`, which answer "yes" once `hang` has begun and once its back end has noticed the abort.
 */
export function toolSourceContract(title: string, open: () => Promise<ToolSourceFixture>): void {
  describe(title, () => {
    let fixture: ToolSourceFixture
    const call = (tool: string, args: unknown = {}, signal?: AbortSignal) => fixture.source.call(fixture.name(tool), args, contextFor(signal))
    beforeAll(async () => {
      fixture = await open()
    })
    afterAll(async () => {
      await fixture.source.close()
      await fixture.close()
    })

    it('lists its tools as the server’s own, each with a usable name', async () => {
      const specs = await fixture.source.list()
      const names = specs.map((spec) => spec.definition.name)
      expect(names).toEqual(expect.arrayContaining(['echo', 'fail', 'big', 'hang', 'when_hanging', 'when_aborted'].map(fixture.name)))
      expect(specs.every((spec) => spec.owner === 'server' && spec.definition.type === 'function' && /^[A-Za-z0-9_-]{1,64}$/.test(spec.definition.name))).toBe(true)
    })

    it('answers with text in any script', async () => {
      expect(await call('echo', { text: 'Grüße, 東京 🎧 "quoted"\n' })).toBe('Grüße, 東京 🎧 "quoted"\n')
    })

    it('keeps parallel calls apart', async () => {
      const texts = Array.from({ length: 25 }, (_, index) => `text ${index}`)
      expect(await Promise.all(texts.map((text) => call('echo', { text })))).toEqual(texts)
    })

    it('reports a failure without the back end’s words', async () => {
      const error = await call('fail').then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(Error)
      expect(String(error)).not.toContain(CONTRACT_SECRET)
    })

    it('reads little more than the limit of a long answer and cuts it on a character boundary', async () => {
      const output = await call('big')
      expect(output).toMatch(/^é+$/)
      expect(output.length).toBeGreaterThanOrEqual(CONTRACT_MAX_BYTES / 2)
      expect(Buffer.byteLength(output)).toBeLessThanOrEqual(2 * (CONTRACT_MAX_BYTES + 4))
    })

    it('ends an aborted call and tells the back end, while other calls go on', async () => {
      const controller = new AbortController()
      const hanging = call('hang', {}, controller.signal)
      hanging.catch(() => {})
      expect(await call('when_hanging')).toBe('yes')
      expect(await call('echo', { text: 'meanwhile' })).toBe('meanwhile')
      controller.abort()
      await expect(hanging).rejects.toBeDefined()
      expect(await call('when_aborted')).toBe('yes')
    })

    it('rejects an unknown name', async () => {
      await expect(call('unheard-of')).rejects.toBeInstanceOf(Error)
      await expect(fixture.source.call('constructor', {}, contextFor())).rejects.toBeInstanceOf(Error)
    })

    it('is healthy; closing ends its calls, and closing again does no harm', async () => {
      expect((await fixture.source.health()).status).toBe('ok')
      const hanging = call('hang')
      hanging.catch(() => {})
      await fixture.source.close()
      await expect(hanging).rejects.toBeDefined()
      await expect(call('echo', { text: 'x' })).rejects.toBeInstanceOf(Error)
      await fixture.source.close()
    })
  })
}
