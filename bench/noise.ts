// How much of the machine's CPU time went to processes that are no part of the measurement. With
// it, a reader can judge how far to trust the wall times of a run.

import { readFileSync } from 'node:fs'

const ticksPerSecond = 100

/** Observes a machine while something is measured. */
export class NoiseMeter {
  readonly #start = readMachine()
  readonly #ownStart = process.cpuUsage()
  #serverSeconds = 0

  /** Adds the CPU seconds of a server that was measured. */
  addServer(cpuSeconds: number): void {
    this.#serverSeconds += cpuSeconds
  }

  /** Returns the share of the machine's CPU time that others used since the start, from 0 to 1. */
  readShare(): number {
    const { busySeconds, allSeconds } = readMachine()
    const { user, system } = process.cpuUsage(this.#ownStart)
    const own = (user + system) / 1e6 + this.#serverSeconds
    const others = busySeconds - this.#start.busySeconds - own
    return Math.max(0, others) / Math.max(1 / ticksPerSecond, allSeconds - this.#start.allSeconds)
  }
}

function readMachine(): { readonly busySeconds: number; readonly allSeconds: number } {
  const [, ...fields] = readFileSync('/proc/stat', 'latin1').split('\n')[0]!.split(/\s+/)
  // user nice system idle iowait irq softirq steal; guests are part of user.
  const ticks = fields.slice(0, 8).map(Number)
  const all = ticks.reduce((sum, value) => sum + value, 0)
  const idle = ticks[3]! + ticks[4]!
  return { busySeconds: (all - idle) / ticksPerSecond, allSeconds: all / ticksPerSecond }
}
