// The current time. Callers pass it in, because this package never reads a clock.

/** Returns the current time in nanoseconds since 1970, for query templates that use it. */
export type Clock = () => bigint
