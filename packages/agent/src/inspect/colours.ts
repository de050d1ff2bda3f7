// Colours of what is shown to people; whoever owns the terminal decides whether there are any.

/** Wraps texts in colours, or returns them as they are. */
export interface Colours {
  readonly dim: (text: string) => string
  readonly cyan: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly red: (text: string) => string
}

const plain = (text: string) => text

/** No colours. */
export const noColours: Colours = {
  dim: plain,
  cyan: plain,
  green: plain,
  yellow: plain,
  red: plain,
}
