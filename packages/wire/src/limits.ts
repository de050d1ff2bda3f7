// All limits of this package, grouped by topic. Protocol constants and struct sizes are next to their
// code.

// JSON bodies

/**
 * Bodies up to this size are parsed without counting their values: they cannot hold too many.
 */
export const uncountedJsonBytesMax = 4 * 1024 * 1024

/** Maximum number of values in a body. A 64 MiB push of short lines has fewer. */
export const jsonValuesMax = 4_000_000

/**
 * Maximum nesting of lists and objects in a body with a label value that is not a string. A push
 * with only strings has five levels.
 */
export const jsonNestingMax = 1_000

// Pushes

/**
 * Maximum number of metadata pairs in a push, counted for every entry that has them. A pair can take
 * two bytes on the wire and a hundred in memory. Real pushes of 64 MiB have fewer.
 */
export const pushPairCountMax = 4_000_000

/**
 * Columns of a push with at least this many bytes are freed at once, those of 8,000 entries: freeing a column
 * takes some microseconds, and the garbage collector is quick with small ones.
 */
export const freedColumnBytesLeast = 64 * 1024

/**
 * Maximum bytes that one compressed byte can expand to. A copy of 64 bytes with a two-byte offset
 * takes three bytes, so 64 / 3, rounded up. A body that declares more is lying.
 */
export const snappyExpansionMax = 22

/**
 * Maximum memory for Snappy in WebAssembly, in each thread that uses it. It holds a body and its
 * output, and never shrinks. Bodies of agents need a third of it. JavaScript decompresses larger ones.
 */
export const snappyWasmBytesMax = 8 * 1024 * 1024

/**
 * Maximum nesting of OTLP values. Deeper ones are rejected before they exhaust the stack. Protobuf's
 * own libraries stop at 100 messages; a map in a map takes three of them.
 */
export const otlpNestingMax = 30

/** Minimum size of a pooled buffer. Smaller ones are not worth keeping. */
export const pooledBufferBytesLeast = 1024

/** First piece of a stream's entries in a batch. Most streams of an agent have a few lines in each. */
export const batchPieceBytesLeast = 1024

/** Largest piece, unless an entry is larger: as much as Snappy compresses at a time. */
export const batchPieceBytesMost = 64 * 1024

// Syslog

/** Digits of a frame's length, such as "8192 ". More digits are not a length. */
export const frameCountDigitsMax = 9

/** How long a message waits for further lines. */
export const frameQuietMsDefault = 500

// Processes

/** How often to retry a lock that another process holds. */
export const lockRetryMs = 250

/** How often the delay of the event loop is sampled. Every longer delay is found. */
export const lagSampleMs = 100

/** The same for prom-client's own timer, so that it never fires. */
export const unusedSampleMs = 2 ** 31 - 1
