// Says in the page what stands behind the relay, and which ways there are to it: only the demo tells.

/** By what the relay promises (`enforcement`). */
const PROMISES = {
  prevents: 'WebSocket: all passes through the relay, and what policy refuses never reaches the model (prevents).',
  'prevents-control': 'WebRTC: sound goes straight to the model, past the relay, and this page can send nothing else there (prevents-control).',
  detects: 'WebRTC: sound goes straight to the model, past the relay. What a page sends on a data channel is seen afterwards, undone and counted (detects).',
}
const EXPECTED = { 'media-only': 'prevents-control', shared: 'detects' }
const NO_CALLS = {
  peer: 'No WebRTC here: the simulator needs the package node-datachannel for it (npm install node-datachannel, then start the demo again).',
  setting: 'No WebRTC here: the relay’s setting WEBRTC is off.',
}

export async function readAbout() {
  const answer = await fetch('about.json').catch(() => undefined)
  return answer?.ok ? answer.json() : undefined
}

/** That no model listens, if it is so. */
export function tellSimulation(place, { simulated, heard }) {
  if (!simulated) return
  place.textContent = heard
    ? `No model is listening: whatever you say, the simulator hears “${heard}”. Typed text is read.`
    : 'No model is listening: whatever you say, the simulator hears one fixed question about the weather (demo --heard "…" changes it). Typed text is read.'
  place.hidden = false
}

/** The choice of a way, and one sentence on what it means. `onChange` hears that the user chose another one. */
export function wayChoice(form, promise, onChange) {
  let webrtc = 'off'
  const isCall = () => webrtc !== 'off' && form.elements.way.value === 'webrtc'
  const tell = (enforcement) => {
    promise.textContent = PROMISES[enforcement]
    promise.hidden = promise.textContent === ''
  }
  form.onchange = () => {
    tell(isCall() ? EXPECTED[webrtc] : 'prevents')
    onChange()
  }
  return {
    isCall,
    /** What the relay itself says of this session. */
    tell,
    offer(about) {
      webrtc = about.webrtc
      if (webrtc !== 'off') form.querySelector('fieldset').hidden = false
      if (webrtc !== 'off') tell('prevents')
      else promise.textContent = NO_CALLS[about.noCalls]
      promise.hidden = false
    },
  }
}
