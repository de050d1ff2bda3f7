// Waits for the signals that stop a program, and makes sure that it stops.

import { stopLimitMs } from './limits.ts'

/** Resolves with the first SIGTERM or SIGINT. From then on the process ends within 10 s. */
export function waitForStopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let isStopping = false
    const onSignal = (signal: NodeJS.Signals) => {
      if (isStopping) process.exit(1)
      isStopping = true
      setTimeout(() => process.exit(1), stopLimitMs).unref()
      resolve(signal)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
