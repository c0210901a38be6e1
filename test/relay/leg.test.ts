// One side of a session: what is held while its lane is closed comes out in order, once, and only as far as the lane opens.
import { expect, it } from 'vitest'
import { type FrameHandler, Leg } from '../../src/relay/leg.js'
import { memoryPair, settle } from '../support/memory-link.js'

const frame = (text: string) => Buffer.from(text)

function openLeg(settings = { bufferBytes: 1000, heldFrames: 3 }) {
  const { link, peer } = memoryPair()
  const leg = new Leg({
    link,
    dialect: 'ga',
    side: 'upstream',
    number: 1,
    deployment: 'd',
    alarm: { followTicks() {} },
    settings,
    sides: { opposite: () => undefined },
    recorder: { note() {} },
  })
  leg.reader.resume('held')
  return { leg, peer }
}

it('hands held frames over in order and reads on', () => {
  const { leg } = openLeg()
  for (const text of ['1', '2', '3', '4']) leg.hold(frame(text), text === '2')
  expect(leg.reader.paused).toBe(true)
  const seen: (readonly [string, boolean])[] = []
  leg.release({ isOpen: () => true, handle: (_leg, held, isBinary) => seen.push([held.toString(), isBinary]) })
  expect(seen).toEqual([
    ['1', false],
    ['2', true],
    ['3', false],
    ['4', false],
  ])
  expect(leg.reader.paused).toBe(false)
})

it('stops where the lane closes again, and goes on from there', () => {
  const { leg } = openLeg()
  for (const text of ['1', '2', '3']) leg.hold(frame(text), false)
  const seen: string[] = []
  leg.release({ isOpen: () => seen.length < 1, handle: (_leg, held) => seen.push(held.toString()) })
  expect(seen).toEqual(['1'])
  expect(leg.reader.paused).toBe(true)
  leg.hold(frame('4'), false)
  leg.release({ isOpen: () => true, handle: (_leg, held) => seen.push(held.toString()) })
  expect(seen).toEqual(['1', '2', '3', '4'])
  expect(leg.reader.paused).toBe(false)
})

it('releases each frame once, also if handling one asks for a release', () => {
  const { leg } = openLeg()
  for (const text of ['1', '2']) leg.hold(frame(text), false)
  const seen: string[] = []
  const handler: FrameHandler = {
    isOpen: () => true,
    handle(_leg, held) {
      seen.push(held.toString())
      leg.release(handler)
      seen.push(`end of ${held}`)
    },
  }
  leg.release(handler)
  expect(seen).toEqual(['1', 'end of 1', '2', 'end of 2'])
})

it('is not read beyond its bound in bytes either', async () => {
  const { leg, peer } = openLeg({ bufferBytes: 10, heldFrames: 100 })
  leg.link.onFrame((held) => leg.hold(held, false))
  for (let n = 0; n < 5; n++) peer.send('12345')
  await settle()
  expect(peer.linkPaused).toBe(true)
  expect(peer.unread).toBe(3)
})
