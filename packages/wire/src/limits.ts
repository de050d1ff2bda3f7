// Every bound of this package, by what it bounds. Constants of protocols and sizes of structs are with their code.

// JSON bodies

/** Bodies up to this size are parsed without counting: their objects are few enough. */
export const uncountedJsonBytesMax = 4 * 1024 * 1024

/** Values that a body may hold; a push of 64 MiB of short lines has fewer. */
export const jsonValuesMax = 4_000_000

/** Levels of lists and objects in a body with a label value that is no string. A push of strings has five. */
export const jsonNestingMax = 1_000

// Pushes

/**
 * Metadata pairs of one push, each counted for every entry that has it. A pair may take two bytes on
 * the wire and a hundred in memory; real pushes of 64 MiB have fewer.
 */
export const pushPairCountMax = 4_000_000

/**
 * Bytes that one compressed byte can stand for: a two-byte-offset copy of 64 bytes takes three, so
 * 64 / 3, rounded up. A body that declares more is lying.
 */
export const snappyExpansionMax = 22

/**
 * Values inside values of OTLP that are followed; deeper ones are refused before they exhaust the stack.
 * Protobuf's own libraries stop at 100 messages, of which a map in a map takes three.
 */
export const otlpNestingMax = 30

/** Least buffer of a pool: smaller ones are not worth keeping. */
export const pooledBufferBytesLeast = 4096

// Processes

/** How often a lock that another process has is tried again. */
export const lockRetryMs = 250

/** Known keys that a message about an unknown one lists; longer lists help nobody. */
export const listedKeysMax = 50
