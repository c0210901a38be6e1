// Telephony in a whole relay: its metrics begin at 0 once a carrier is set, and without one there is nothing of it.
import { afterEach, expect, it } from 'vitest'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

let own: RunningRelay
afterEach(() => own?.close())

const metrics = async () => (await fetch(`${own.relay.adminUrl}/metrics`)).text()

it('counts from 0 once a carrier is set', async () => {
  own = await runRelay({ env: { PUBLIC_URL: 'https://relay.example.com', TELEPHONY_PROFILE: '{"*":"default"}', TWILIO_AUTH_TOKEN: '0123456789abcdef0123456789abcdef' } })
  const text = await metrics()
  for (const series of [
    'relay_phone_calls',
    ...['acs', 'twilio', 'sip'].map((carrier) => `relay_phone_calls_total{carrier="${carrier}"}`),
    ...['forbidden', 'not_found', 'too_many_sessions', 'rate_limited', 'budget_spent'].map((code) => `relay_phone_refused_total{code="${code}"}`),
    ...['back', 'not_back', 'again'].map((end) => `relay_phone_media_losses_total{end="${end}"}`),
    ...['jump', 'quiet'].map((kind) => `relay_phone_gaps_total{kind="${kind}"}`),
  ])
    expect(text.split('\n')).toContain(`${series} 0`)
})

it('has nothing of it without one', async () => {
  own = await runRelay()
  expect(await metrics()).not.toContain('relay_phone')
  for (const path of ['twilio/voice', 'acs/incoming', 'sip/webhook']) expect((await fetch(`${own.relay.url}/telephony/${path}`, { method: 'POST' })).status).toBe(404)
})
