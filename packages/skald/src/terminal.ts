// What commands need from the process: streams, environment, and colours for a terminal.

/** Streams and environment of a command. main.ts passes those of the process. */
export interface Terminal {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Readonly<Record<string, string | undefined>>
}
