// Colours text for people at a terminal.

/** Wraps texts in ANSI colours, or returns them as they are. */
export interface Colours {
  readonly dim: (text: string) => string
  readonly cyan: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly red: (text: string) => string
  readonly bold: (text: string) => string
}

/** No colours. */
export const noColours: Colours = colours(false)

/**
 * Returns the colours for a stream. There are none if it is not a terminal or NO_COLOR is set
 * (https://no-color.org).
 */
export function coloursFor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Colours {
  return colours(stream.isTTY === true && (env.NO_COLOR ?? '') === '')
}

function colours(isColoured: boolean): Colours {
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
