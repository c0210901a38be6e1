// Says in the page that no model listens, if it is so.

/** Only the demo says what stands behind the relay. */
export async function tellSimulation(place) {
  const answer = await fetch('about.json').catch(() => undefined)
  if (!answer?.ok) return
  const { simulated, heard } = await answer.json()
  if (!simulated) return
  place.textContent = heard
    ? `No model is listening: whatever you say, the simulator hears “${heard}”. Typed text is read.`
    : 'No model is listening: whatever you say, the simulator hears one fixed question about the weather (demo --heard "…" changes it). Typed text is read.'
  place.hidden = false
}
