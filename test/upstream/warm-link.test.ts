// A warm link that was taken keeps the link contract.

import { createServer } from 'node:http'
import { afterEach, expect } from 'vitest'
import { WebSocketServer } from 'ws'
import type { Link } from '../../src/ports/link.js'
import { WarmLink } from '../../src/upstream/warm-link.js'
import { dialLink } from '../../src/wire/dial-accept.js'
import { describeLink, type LinkPair } from '../contract/link.js'
import { dialOptions, dispose, listen, peerOf } from '../wire/link-peers.js'

afterEach(dispose)

async function open(): Promise<LinkPair & { readonly inner: Link }> {
  const server = createServer()
  const wss = new WebSocketServer({ server })
  const accepted = new Promise<LinkPair['peer']>((resolve) => wss.once('connection', (socket) => resolve(peerOf(socket))))
  const inner = await dialLink(`ws://127.0.0.1:${await listen(server)}`, dialOptions())
  return { inner, link: inner, peer: await accepted, dispose }
}

describeLink('warm, taken before anything came', async () => {
  const { inner, peer, dispose } = await open()
  return { link: new WarmLink(inner, { onEarly: () => 'keep', onLost: () => undefined }).take(), peer, dispose }
})

describeLink('warm, taken with a first frame that is not read yet', async () => {
  const { inner, peer, dispose } = await open()
  let link: WarmLink | undefined
  await new Promise<void>((resolve) => {
    link = new WarmLink(inner, {
      onEarly: () => {
        resolve()
        return 'keep'
      },
      onLost: () => undefined,
    })
    peer.send('first')
  })
  const taken = (link as WarmLink).take()
  return { link: withoutFirst(taken), peer, dispose }
})

/** The contract does not expect the early frame, so it is checked here and left out. */
function withoutFirst(link: Link): Link {
  const onFrame = link.onFrame.bind(link)
  let early = true
  link.onFrame = (callback) =>
    onFrame((frame, isBinary) => {
      if (!early) return callback(frame, isBinary)
      early = false
      expect(frame.toString()).toBe('first')
    })
  return link
}
