// Waits for the signals that stop a program, and makes sure that it stops.

/** After a second signal, or this long after the first, the process ends whatever it is doing. */
const stopLimitMs = 10_000

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
