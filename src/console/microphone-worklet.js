// Collects 100 ms of microphone samples at a time and posts them as PCM16.
const SAMPLES = 2400

class Microphone extends AudioWorkletProcessor {
  #samples = new Int16Array(SAMPLES)
  #filled = 0

  process([input]) {
    for (const sample of input[0] ?? []) {
      this.#samples[this.#filled++] = Math.max(-1, Math.min(1, sample)) * 0x7fff
      if (this.#filled === SAMPLES) {
        this.port.postMessage(this.#samples.buffer, [this.#samples.buffer])
        this.#samples = new Int16Array(SAMPLES)
        this.#filled = 0
      }
    }
    return true
  }
}

registerProcessor('microphone', Microphone)
