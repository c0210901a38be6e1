// The recipes of deploy/identity.md as they stand there: for each issuer, whose token gets what, and whose gets nothing.
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { API_KEY, DEPLOYMENT } from '../support/running-relay.js'
import { type Claims, type LocalIssuer, type Signing, startIssuer } from './local-issuer.js'
import { type RecipeRelay, settingsOf, startRecipe } from './recipe.js'
import { RECIPES, type Recipe } from './shapes.js'

const SECRET = 'what openssl prints, and a back end has as well'
const nameOf = ({ heading, blocks = 1 }: Recipe) => (blocks === 1 ? heading : `${heading}, block ${blocks}`)
const soon = (): number => Math.floor(Date.now() / 1000) + 300

let simulator: Simulator
const running = new Map<Recipe, { readonly relay: RecipeRelay; readonly issuer: LocalIssuer }>()
function of(recipe: Recipe) {
  const found = running.get(recipe)
  if (!found) throw new Error('not started')
  return found
}

async function start(recipe: Recipe): Promise<void> {
  const issuer = await startIssuer(recipe.form)
  const settings = settingsOf(recipe.heading, recipe.blocks)
  const { pathname } = new URL(settings.JWKS_URL ?? '')
  expect(pathname).toBe(recipe.form.keysPath)
  running.set(recipe, { issuer, relay: await startRecipe(settings, { JWKS_URL: `${issuer.origin}${pathname}` }, simulator) })
}

beforeAll(async () => {
  simulator = await startSimulator({ apiKey: API_KEY, deployments: [DEPLOYMENT], speed: Number.POSITIVE_INFINITY })
  await Promise.all(RECIPES.map(start))
})
afterAll(async () => {
  await Promise.all(
    [...running.values()].map(async ({ relay, issuer }) => {
      await relay.close()
      issuer.close()
    }),
  )
  await simulator.close()
})

/** Opens a session with this token, and says what an operator sees of it. */
async function seen(relay: RecipeRelay, token: string, operator: string) {
  const client = await relay.connect(token)
  await client.next('session.created')
  const sessions = await relay.sessions(operator)
  client.close()
  await client.closed()
  return sessions
}

describe.each(RECIPES.map((recipe) => [nameOf(recipe), recipe] as const))('%s', (_name, recipe) => {
  const sign = (over: Claims = {}, signing: Signing = {}) => of(recipe).issuer.sign({ iat: soon() - 300, exp: soon(), jti: 'id', ...recipe.user, ...over }, signing)

  it('lets a user in as sub, with the default profile', async () => {
    const { relay } = of(recipe)
    const operator = await sign({ ...recipe.operator, sub: 'operator' })
    expect(await seen(relay, await sign(), operator)).toMatchObject([{ subject: recipe.user.sub, profile: 'default' }])
    expect(await relay.dailyResponses(await sign())).toBe(20)
  })

  it('lets staff in with theirs', async () => {
    const { relay } = of(recipe)
    const staff = await sign({ ...recipe.staff, sub: 'colleague' })
    expect(await seen(relay, staff, await sign({ ...recipe.operator, sub: 'operator' }))).toMatchObject([{ subject: 'colleague', profile: 'staff' }])
    expect(await relay.dailyResponses(staff)).toBe(500)
  })

  it('makes no operator, and no colleague, of who asked for it', async () => {
    const { relay } = of(recipe)
    expect(await relay.sessions(await sign())).toBe(403)
    expect(await relay.sessions(await sign(recipe.staff))).toBe(403)
    expect(await relay.sessions(await sign(recipe.asked))).toBe(403)
    expect(await relay.dailyResponses(await sign(recipe.asked))).toBe(20)
  })

  const refused: Recipe['refused'] = [
    ...recipe.refused,
    ['yesterday’s', { exp: soon() - 86_400 }, 'expired'],
    ['one without an end', { exp: undefined }, 'bad_expiry'],
    ['one signed with the public key as a secret', {}, 'algorithm_not_allowed', { alg: 'HS256' }],
    ['one signed with another algorithm', {}, 'algorithm_not_allowed', { alg: 'RS512' }],
    ['one of a foreign key of the same name', {}, 'bad_signature', { key: 'foreign' }],
  ]
  it.each(refused.map((row) => [row[0], row] as const))('refuses %s', async (_what, [, over, why, signing]) => {
    expect(await of(recipe).relay.refusal(await sign(over, signing))).toEqual({ status: 401, why })
  })
})

describe('the keys of all issuers', () => {
  const each = async (attempt: (recipe: Recipe, parts: ReturnType<typeof of>, claims: Claims) => Promise<unknown>) =>
    Object.fromEntries(await Promise.all(RECIPES.map(async (recipe) => [nameOf(recipe), await attempt(recipe, of(recipe), { ...recipe.user, exp: soon() })])))
  const all = <T>(value: T) => Object.fromEntries(RECIPES.map((recipe) => [nameOf(recipe), value]))

  it('may be rotated: a key that is new to the relay is fetched, and the old one still counts', async () => {
    const outcomes = await each(async (_recipe, { relay, issuer }, claims) => {
      const old = await issuer.sign(claims)
      issuer.rotate()
      for (const token of [await issuer.sign(claims), old]) {
        const client = await relay.connect(token)
        await client.next('session.created')
        client.close()
        await client.closed()
      }
      return 'both'
    })
    expect(outcomes).toEqual(all('both'))
  })

  it('do not verify what an unknown key or one for encryption signed', async () => {
    const outcomes = await each(async (_recipe, { relay, issuer }, claims) =>
      Promise.all([issuer.sign(claims, { kid: 'made-up', key: 'foreign' }), issuer.sign(claims, { key: 'encryption' })].map(async (token) => relay.refusal(await token))),
    )
    expect(outcomes).toEqual(all([1, 2].map(() => ({ status: 401, why: 'unknown_key' }))))
  })
})

describe('Your own secret', () => {
  let relay: RecipeRelay
  const claims = { sub: 'alice', iss: 'https://app.example.com', aud: 'realtime-relay', jti: 'id' }
  const sign = (over: Claims = {}, secret: string | Uint8Array = SECRET, alg = 'HS256') =>
    new SignJWT({ exp: soon(), ...claims, ...over }).setProtectedHeader({ alg, typ: 'JWT' }).sign(typeof secret === 'string' ? new TextEncoder().encode(secret) : secret)

  beforeAll(async () => {
    relay = await startRecipe(settingsOf('Your own secret'), { JWT_SECRET: SECRET }, simulator)
  })
  afterAll(() => relay.close())

  it('lets users in as sub, with the profile that the token names', async () => {
    const operator = await sign({ sub: 'operator', scope: 'relay:read' })
    expect(await seen(relay, await sign(), operator)).toMatchObject([{ subject: 'alice', profile: 'default' }])
    expect(await seen(relay, await sign({ profile: 'staff' }), operator)).toMatchObject([{ subject: 'alice', profile: 'staff' }])
    expect(await relay.sessions(await sign({ profile: 'staff' }))).toBe(403)
  })

  it.each<[string, Parameters<typeof sign>, string]>([
    ['another secret', [{}, `${SECRET}.`], 'bad_signature'],
    ['a secret that was decoded from Base64', [{}, Buffer.from(SECRET, 'base64')], 'bad_signature'],
    ['a stronger algorithm than was agreed on', [{}, SECRET, 'HS512'], 'algorithm_not_allowed'],
    ['a token for another service', [{ aud: 'billing' }], 'wrong_audience'],
    ['a token without a service', [{ aud: undefined }], 'wrong_audience'],
    ['a token of another service', [{ iss: 'https://billing.example.com' }], 'wrong_issuer'],
    ['yesterday’s token', [{ exp: soon() - 86_400 }], 'expired'],
    ['a token for nobody', [{ sub: '' }], 'bad_subject'],
  ])('refuses %s', async (_what, signing, why) => {
    expect(await relay.refusal(await sign(...signing))).toEqual({ status: 401, why })
  })
})
