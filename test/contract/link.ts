// The contract of every Link, run against each implementation: order, pausing, closing, drain, and no exceptions.
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import type { Link } from '../../src/ports/link.js'

/** The other end of a link under test. */
export interface Peer {
  send(data: string | Buffer): void
  close(code?: number, reason?: string): void
  /** Ends without a closing handshake. */
  destroy(): void
  /** Stops or restarts reading. While it is stopped, the link's writes pile up. */
  pause(): void
  resume(): void
  /** Resolves to the next frame that was not returned yet. */
  next(): Promise<{ text: string; isBinary: boolean }>
  /** How the link closed, as the peer saw it. */
  readonly closed: Promise<{ code: number; reason: string }>
}

export interface LinkPair {
  readonly link: Link
  readonly peer: Peer
  dispose(): Promise<void>
}

export function describeLink(name: string, open: () => Promise<LinkPair>): void {
  describe(`link contract: ${name}`, () => {
    let pair: LinkPair | undefined
    afterEach(async () => {
      await pair?.dispose()
      pair = undefined
    })
    const start = async (): Promise<LinkPair> => {
      pair = await open()
      return pair
    }

    it('delivers what arrived before the first resume, in order and with its kind', async () => {
      const { link, peer } = await start()
      peer.send('{"n":1}')
      peer.send(Buffer.from([1, 2, 3]))
      peer.send('{"n":2}')
      const frames = collect(link, 3)
      link.resume()
      expect(await frames).toEqual([
        ['{"n":1}', false],
        ['\u0001\u0002\u0003', true],
        ['{"n":2}', false],
      ])
    })

    it('sends buffers and strings as text, in order', async () => {
      const { link, peer } = await start()
      link.resume()
      for (let n = 0; n < 50; n++) link.send(n % 2 ? `{"n":${n}}` : Buffer.from(`{"n":${n}}`))
      for (let n = 0; n < 50; n++) expect(await peer.next()).toEqual({ text: `{"n":${n}}`, isBinary: false })
    })

    it('leaves the sender’s buffer unchanged', async () => {
      const { link, peer } = await start()
      const frame = Buffer.from('{"type":"x"}')
      link.send(frame)
      await peer.next()
      expect(frame.toString()).toBe('{"type":"x"}')
    })

    it('reports the peer’s close code once, and ignores sends and closes afterwards', async () => {
      const { link, peer } = await start()
      const codes: number[] = []
      const closed = new Promise<void>((resolve) => link.onClose((code) => resolve(void codes.push(code))))
      link.resume()
      peer.close(4001, 'bye')
      await closed
      link.send('late')
      link.close(1000, 'late')
      link.pause()
      link.resume()
      await peer.closed
      expect(codes).toEqual([4001])
    })

    it('reports 1005 for a peer that closes without a code and 1006 for one that vanishes', async () => {
      const polite = await start()
      const polited = closeOf(polite.link)
      polite.link.resume()
      polite.peer.close()
      expect(await polited).toBe(1005)
      await polite.dispose()
      const rude = await start()
      const vanished = closeOf(rude.link)
      rude.link.resume()
      rude.peer.destroy()
      expect(await vanished).toBe(1006)
    })

    it('calls a callback that is registered after the close', async () => {
      const { link, peer } = await start()
      const first = closeOf(link)
      link.resume()
      peer.close(4002)
      await first
      let calls = 0
      link.onClose(() => calls++)
      await new Promise((resolve) => setImmediate(resolve))
      expect(calls).toBe(0)
    })

    it('closes with the given code and cuts the reason to 123 bytes without splitting a character', async () => {
      const { link, peer } = await start()
      const closed = closeOf(link)
      const started = performance.now()
      link.close(4429, 'é'.repeat(100))
      const seen = await peer.closed
      expect(seen.code).toBe(4429)
      expect(seen.reason).toBe('é'.repeat(61))
      // The link was paused all along; it still reads the peer's half of the handshake, without waiting for the time limit of two seconds.
      expect(await closed).toBe(4429)
      expect(performance.now() - started).toBeLessThan(1800)
    })

    for (const [given, sent] of [
      [1005, 1000],
      [1006, 1011],
      [1015, 1011],
      [1004, 1011],
      [999, 1011],
      [2999, 1011],
      [5000, 1011],
      [Number.NaN, 1011],
      [4000.5, 1011],
      [1012, 1012],
      [3000, 3000],
    ] as const) {
      it(`turns close code ${given} into ${sent}`, async () => {
        const { link, peer } = await start()
        link.close(given, '')
        expect((await peer.closed).code).toBe(sent)
      })
    }

    it('writes what was sent before a close in the same turn', async () => {
      const { link, peer } = await start()
      link.send('one')
      link.send('two')
      link.close(4000, 'done')
      expect((await peer.next()).text).toBe('one')
      expect((await peer.next()).text).toBe('two')
      expect(await peer.closed).toEqual({ code: 4000, reason: 'done' })
    })

    it('counts bytes that the peer does not read and calls back once they are written', async () => {
      const { link, peer } = await start()
      link.resume()
      peer.pause()
      const chunk = Buffer.alloc(1024 * 1024, 0x61)
      for (let n = 0; n < 16; n++) link.send(chunk)
      expect(link.bufferedBytes).toBeGreaterThanOrEqual(16 * chunk.length)
      const drained = new Promise<number>((resolve) => link.onDrain(() => resolve(link.bufferedBytes)))
      peer.resume()
      expect(await drained).toBe(0)
      for (let n = 0; n < 16; n++) expect((await peer.next()).text.length).toBe(chunk.length)
    })

    it('has nothing buffered once the peer has read it', async () => {
      const { link, peer } = await start()
      link.send('small')
      expect(link.bufferedBytes).toBeGreaterThan(0)
      expect((await peer.next()).text).toBe('small')
      await expect.poll(() => link.bufferedBytes).toBe(0)
    })

    it('holds back a flood while paused', async () => {
      const { link, peer } = await start()
      let bytes = 0
      let resumed = false
      const all = new Promise<void>((resolve) =>
        link.onFrame((frame) => {
          bytes += frame.length
          if (bytes > 128 * 1024 && !resumed) link.pause()
          if (bytes === 64 * 64 * 1024) resolve()
        }),
      )
      link.resume()
      for (let n = 0; n < 64; n++) peer.send('x'.repeat(64 * 1024))
      while (bytes <= 128 * 1024) await new Promise((resolve) => setImmediate(resolve))
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      expect(bytes).toBeLessThanOrEqual(128 * 1024 + 64 * 1024)
      resumed = true
      link.resume()
      await all
    })
  })
}

export function closeOf(link: Link): Promise<number> {
  return new Promise((resolve) => link.onClose(resolve))
}

export function collect(link: Link, count: number): Promise<[string, boolean][]> {
  const frames: [string, boolean][] = []
  return new Promise((resolve) =>
    link.onFrame((frame, isBinary) => {
      frames.push([frame.toString('latin1'), isBinary])
      if (frames.length === count) resolve(frames)
    }),
  )
}

export async function closeServer(server: { close(): unknown; once(event: string, listener: () => void): unknown }): Promise<void> {
  const closed = once(server as never, 'close')
  server.close()
  await closed
}
