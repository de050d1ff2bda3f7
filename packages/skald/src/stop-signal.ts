// Waits for the signals that end a program, and sees that it does end.

/** A second signal, or this time after the first, ends the process whatever it is doing. */
const stopLimitMs = 10_000

/** Settles with the name of the first SIGTERM or SIGINT; from then on the process ends within 10 s. */
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
