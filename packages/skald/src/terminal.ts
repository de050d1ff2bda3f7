// What commands need of the process: streams and environment.

/** Streams and environment of a command; main.ts passes the process's own. */
export interface Terminal {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Readonly<Record<string, string | undefined>>
}
