// A listener is one socket, whatever its host is called: bounds on connections are set on that one.
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import { ListenError, listenOn } from '../../src/server/listen.js'

const open: FastifyInstance[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

function app(): FastifyInstance {
  const made = fastify()
  open.push(made)
  return made
}

it.each(['localhost', '127.0.0.1'])('opens one port for %s', async (host) => {
  const one = app()
  const url = await listenOn(one, '', { host, port: 0 })
  expect(one.addresses()).toHaveLength(1)
  expect((await fetch(`http://localhost:${new URL(url).port}/`)).status).toBe(404)
})

it('says which setting named a port that is taken', async () => {
  const port = Number(new URL(await listenOn(app(), '', { host: '127.0.0.1', port: 0 })).port)
  const failed = await listenOn(app(), 'ADMIN_', { host: 'localhost', port }).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(ListenError)
  expect(failed).toMatchObject({ prefix: 'ADMIN_', host: 'localhost', port, code: 'EADDRINUSE' })
})
