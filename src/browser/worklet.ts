// The microphone's part that runs beside the page: PCM16 at 24 kHz in parts of 50 ms, whatever the rate of the device.

/**
 * Text, since it runs in a scope of its own. Each sample that goes out is the mean of the input over its time (`ratio` input samples), so 24 kHz pass as they are.
 * A message ends it: a browser lets it run on without a microphone.
 * The build writes it into a file as well, for pages whose policy forbids Blob URLs.
 */
export const MICROPHONE = `const ratio = sampleRate / 24000
const pcm = new Int16Array(1200)
let [room, sum, at] = [ratio, 0, 0]
registerProcessor('relay', class extends AudioWorkletProcessor {
  runs = this.port.onmessage = () => (this.runs = false)
  process([[samples = []]]) {
    for (const sample of samples) {
      let left = 1
      while (left >= room) {
        pcm[at++] = Math.max(-1, Math.min(1, (sum + sample * room) / ratio)) * 32767
        left -= room
        room = ratio
        sum = 0
        if (at === 1200) this.port.postMessage(pcm.slice((at = 0)))
      }
      sum += sample * left
      room -= left
    }
    return !!this.runs
  }
})
`
