// One timer for all links of the same ping interval. It calls each link's `beat` once per interval, spread over the interval.

/** Each member is visited once per interval. The visits are spread over this many ticks, so the pings of all links never form one burst. */
const SLOTS = 16

export interface Beating {
  beat(): void
}

interface Wheel {
  readonly slots: readonly Set<Beating>[]
  readonly timer: NodeJS.Timeout
  hand: number
  joined: number
  size: number
}

const wheels = new Map<number, Wheel>()

/** Calls `member.beat()` every `intervalMs` until the returned function is called. The timer does not keep the process alive. */
export function joinHeartbeat(member: Beating, intervalMs: number): () => void {
  const wheel = wheels.get(intervalMs) ?? startWheel(intervalMs)
  const slot = wheel.slots[wheel.joined++ % SLOTS]
  slot?.add(member)
  wheel.size++
  return () => {
    if (!slot?.delete(member)) return
    if (--wheel.size > 0) return
    clearInterval(wheel.timer)
    wheels.delete(intervalMs)
  }
}

function startWheel(intervalMs: number): Wheel {
  const slots = Array.from({ length: SLOTS }, () => new Set<Beating>())
  const wheel: Wheel = { slots, timer: setInterval(() => turn(wheel), Math.max(1, intervalMs / SLOTS)).unref(), hand: 0, joined: 0, size: 0 }
  wheels.set(intervalMs, wheel)
  return wheel
}

function turn(wheel: Wheel): void {
  const slot = wheel.slots[wheel.hand++ % SLOTS]
  for (const member of slot ?? []) member.beat()
}
