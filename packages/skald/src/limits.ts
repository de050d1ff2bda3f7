// The bounds of the command line, by command.

// The process

/** After a second signal, or this long after the first, the process ends whatever it is doing. */
export const stopLimitMs = 10_000

/** How often the program checks whether npm is still there. */
export const parentCheckMs = 500

/** Timeout of `skald ready`: shorter than those of health checks that run it. */
export const readyTimeoutMs = 3000

// `skald all` on a terminal

/** How often the progress bar is drawn. */
export const drawIntervalMs = 100

/** Files listed by name. The others are only counted. */
export const listedFilesMax = 12

// Long commands

/** How often a long command says how far it is when its output is no terminal. */
export const progressLineMs = 10_000

/** Streams of a part that `skald inspect` lists: as many as fit on a screen. */
export const inspectedStreamsMax = 20

/** Replaced segments that `skald inspect` lists by name: a line of them. */
export const inspectedNamesMax = 4

// `skald import`

/** Longest answer to read. A longer page is requested again with half the entries. */
export const readAnswerBytesMax = 64 * 1024 * 1024

/** Attempts for one request. With the pauses below they take about five minutes. */
export const requestAttemptsMax = 12

/** Pause after the first failed attempt. It doubles up to the longest. */
export const firstPauseMs = 250
export const longestPauseMs = 60_000

/** A query may take as long as its server allows. Loki's default is one minute. */
export const requestTimeoutMs = 180_000

/** Bytes of lines per push: Promtail's default. */
export const importPushBytesMax = 1024 * 1024

/** Bytes of the answer to a push that are read. */
export const pushAnswerBytesMax = 64 * 1024

/** Lines that one entry of a test of rules may stand for. */
export const testLinesMax = 100_000

/** Steps of one query of the past: stores give no more points of a series. */
export const evalStepsMax = 10_000

/** Random bytes of a token: nobody guesses one of 2^256. */
export const tokenBytes = 32

/** Rows of a plot in the terminal. */
export const plotRows = 8

/** Lines that `skald query` asks for at once: what a store with Loki's defaults allows. */
export const askedLines = 5_000

/** Milliseconds between two tries of `skald tail` to reach its store: at first, and at most. */
export const tailPauseMs = { first: 250, most: 10_000 } as const

/** Lines of one nanosecond that a live tail remembers, so that it shows none twice after it was cut. */
export const tailRememberedMax = 10_000

/** Bytes at the end of a file in which a resumed export looks for its last lines. */
export const resumedTailBytes = 64 * 1024 * 1024
