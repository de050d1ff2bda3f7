// Colours for terminal output. The owner of the terminal decides whether to use them.

/** Wraps texts in colours, or returns them unchanged. */
export interface Colours {
  readonly dim: (text: string) => string
  readonly cyan: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly red: (text: string) => string
}

const plain = (text: string) => text

/** Leaves texts uncoloured. */
export const noColours: Colours = {
  dim: plain,
  cyan: plain,
  green: plain,
  yellow: plain,
  red: plain,
}
