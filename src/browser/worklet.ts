// The microphone's part that runs beside the page: PCM16 at 24 kHz in parts of 50 ms, whatever the rate of the device.

/**
 * Text, since it runs in a scope of its own. Each sample that goes out is the mean of the input over its time (`ratio` input samples), so 24 kHz pass as they are.
 * The build writes it into a file as well, for pages whose policy forbids Blob URLs.
 */
export const MICROPHONE = `registerProcessor('relay-microphone', class extends AudioWorkletProcessor {
  ratio = sampleRate / 24000
  room = this.ratio
  sum = 0
  pcm = new Int16Array(1200)
  at = 0
  process([[samples = []]]) {
    for (const sample of samples) {
      let left = 1
      while (left >= this.room) {
        this.pcm[this.at++] = Math.max(-1, Math.min(1, (this.sum + sample * this.room) / this.ratio)) * 32767
        left -= this.room
        this.room = this.ratio
        this.sum = 0
        if (this.at === 1200) {
          this.port.postMessage(this.pcm.slice())
          this.at = 0
        }
      }
      this.sum += sample * left
      this.room -= left
    }
    return true
  }
})
`
