// What commands need from the process: streams, environment, and colours for a terminal.

/** Streams and environment of a command. main.ts passes those of the process. */
export interface Terminal {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Wraps texts in ANSI colours, or returns them as they are. */
export interface Colours {
  readonly dim: (text: string) => string
  readonly cyan: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly red: (text: string) => string
  readonly bold: (text: string) => string
}

/** Colours for a stream: none when it is no terminal or NO_COLOR is set (https://no-color.org). */
export function coloursFor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Colours {
  const isColoured = stream.isTTY === true && (env.NO_COLOR ?? '') === ''
  const wrap = (code: number) => (text: string) =>
    isColoured ? `\x1b[${code}m${text}\x1b[0m` : text
  return {
    dim: wrap(2),
    cyan: wrap(36),
    green: wrap(32),
    yellow: wrap(33),
    red: wrap(31),
    bold: wrap(1),
  }
}
