// Asks one question by text, prints the answer, and keeps its sound in answer.wav. Usage: node ask.js [question]
import { existsSync, writeFileSync } from 'node:fs'
import { SignJWT } from 'jose'
import WebSocket from 'ws'

if (existsSync('.env')) process.loadEnvFile()
const question = process.argv[2] ?? 'What is the weather in Lisbon?'
const RATE = 24_000

/** PCM of 16 bits and one channel, as any player takes it. */
function wav(pcm) {
  const head = Buffer.alloc(44)
  head.write('RIFF')
  head.write('WAVEfmt ', 8)
  head.write('data', 36)
  // Two small numbers share a place: kind and channels, bytes and bits of a sample.
  const numbers = { 4: 36 + pcm.length, 16: 16, 20: 1 + (1 << 16), 24: RATE, 28: RATE * 2, 32: 2 + (16 << 16), 40: pcm.length }
  for (const [at, number] of Object.entries(numbers)) head.writeUInt32LE(number, Number(at))
  return Buffer.concat([head, pcm])
}

const secret = new TextEncoder().encode(process.env.JWT_SECRET ?? '')
// The relay compares both with its own settings of these names.
const meant = { iss: process.env.JWT_ISSUER || undefined, aud: process.env.JWT_AUDIENCE || undefined }
const token = await new SignJWT(meant).setProtectedHeader({ alg: 'HS256' }).setSubject('ask').setIssuedAt().setExpirationTime('5m').sign(secret)
const socket = new WebSocket(process.env.RELAY_URL ?? '', { headers: { authorization: `Bearer ${token}` } })
/** @param {import('realtime-relay/events').ClientEvent} event */
const send = (event) => socket.send(JSON.stringify(event))
const sound = []
let over = false

function fail(why) {
  if (over) return
  over = true
  console.error(why)
  process.exitCode = 1
  socket.terminate()
}

socket.on('message', (data) => {
  /** @type {import('realtime-relay/events').ServerEvent} */
  const event = JSON.parse(String(data))
  switch (event.type) {
    case 'session.created':
      send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: question }] } })
      return send({ type: 'response.create' })
    case 'response.output_audio.delta':
      return void sound.push(Buffer.from(event.delta, 'base64'))
    case 'response.output_audio_transcript.delta':
      return void process.stdout.write(event.delta)
    case 'error':
      return fail(event.error.message)
    case 'response.done':
      if (event.response.status !== 'completed') return fail(`The answer ended as ${event.response.status}.`)
      over = true
      console.log()
      writeFileSync('answer.wav', wav(Buffer.concat(sound)))
      return socket.close()
  }
})
socket.on('error', ({ message }) => fail(`${message}. Does the relay run at ${process.env.RELAY_URL}, and has it the same JWT_SECRET?`))
socket.on('close', (code, reason) => fail(`The relay ended it: ${code} ${reason}`))
