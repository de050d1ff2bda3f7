// The time of day, which this package does not read by itself.

/** Returns the time now, in nanoseconds since 1970. Templates of a query may ask for it. */
export type Clock = () => bigint
