// The two clocks of the agent. Times that leave it, or that are compared with those of files, come from the
// wall clock. Everything that waits uses the steady one: whoever sets the wall clock back by an hour must not
// stop the agent for an hour.

/** Milliseconds since 1970. */
export interface Clocks {
  /** Passes evenly from the start of the process on, also when the machine's time is set. */
  readonly nowMs: () => number
  /** The machine's time. */
  readonly wallMs: () => number
}

export const systemClocks: Clocks = {
  nowMs: () => performance.timeOrigin + performance.now(),
  wallMs: () => Date.now(),
}
