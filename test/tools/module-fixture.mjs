// A tool module with good functions, and with bad ones that spin, crash, leak, print or never return.
let calls = 0

export const echo = ({ text }) => text
export const add = ({ a, b }) => ({ sum: a + b })
/** Of a call with `list`, the arguments themselves. */
export const echoKinds = (args) => (args.list ? args : `${typeof args.id} ${args.id}`)
export const nothing = () => {}
export const countCalls = () => String(++calls)
export const keysPressed = (_args, { keys }) => `keys: ${keys}`
export const whoAmI = (_args, { identity }) => identity
export const environment = () => ({ environment: process.env, argv: process.argv.slice(2) })
export const fail = () => {
  throw new TypeError('two lines\n    at hunter2-connection-string')
}
export const reject = async () => {
  throw 'hunter2-connection-string'
}
export const circular = () => {
  const value = {}
  value.self = value
  return value
}
export const big = () => 'é'.repeat(5_000_000)
export const surrogate = () => 'a\ud800b'
export const noisy = (_args, { log }) => {
  console.log('printed to standard output')
  log('written to the log')
  return 'quiet'
}
export const spin = () => {
  for (;;);
}
let hanging
let aborted
const whenHanging = new Promise((resolve) => {
  hanging = resolve
})
const whenAborted = new Promise((resolve) => {
  aborted = resolve
})
export const when_hanging = () => whenHanging.then(() => 'yes')
export const when_aborted = () => whenAborted.then(() => 'yes')
export const hang = (_args, { signal, log }) =>
  new Promise((resolve) => {
    hanging()
    signal.addEventListener('abort', () => {
      aborted()
      log('hang was aborted')
      resolve('too late')
    })
  })
export const never = () => new Promise(() => {})
export const exit = () => process.exit(1)
export const crashLater = () =>
  new Promise(() => {
    setImmediate(() => {
      throw new Error('hunter2-connection-string')
    })
  })
export const eatMemory = () => {
  const kept = []
  for (;;) kept.push(new Array(100_000).fill(calls))
}
export const notAFunction = 7
