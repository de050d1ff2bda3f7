// Cuts a line into pieces to draw: ANSI colours become classes, matches of the query's filters become marks.

export interface Piece {
  readonly text: string
  /** Classes of the colour; empty for none. */
  readonly colour: string
  readonly isMatch: boolean
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const escapes = /\u001b\[([\d;]*)m|\u001b\[[\d;?]*[A-Za-z]/g
const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

interface Run {
  readonly text: string
  readonly colour: string
}

/** Cuts a line by its colours. Escape sequences that are no colour are left out. */
export function colourRuns(line: string): Run[] {
  if (!line.includes('\u001b')) return [{ text: line, colour: '' }]
  const runs: Run[] = []
  let state: Colour = plain
  let from = 0
  for (const match of line.matchAll(escapes)) {
    if (match.index > from)
      runs.push({ text: line.slice(from, match.index), colour: classOf(state) })
    from = match.index + match[0].length
    if (match[1] !== undefined) state = apply(state, match[1])
  }
  if (from < line.length) runs.push({ text: line.slice(from), colour: classOf(state) })
  return runs
}

interface Colour {
  readonly fg: string
  readonly bg: string
  readonly isBold: boolean
  readonly isUnderlined: boolean
}

const plain: Colour = { fg: '', bg: '', isBold: false, isUnderlined: false }

function apply(before: Colour, codes: string): Colour {
  let state = before
  for (const text of codes.split(';')) {
    const code = Number(text)
    if (code === 0) state = plain
    else if (code === 1) state = { ...state, isBold: true }
    else if (code === 4) state = { ...state, isUnderlined: true }
    else if (code === 22) state = { ...state, isBold: false }
    else if (code === 39) state = { ...state, fg: '' }
    else if (code === 49) state = { ...state, bg: '' }
    else if (code >= 30 && code <= 37) state = { ...state, fg: names[code - 30]! }
    else if (code >= 90 && code <= 97) state = { ...state, fg: names[code - 90]! }
    else if (code >= 40 && code <= 47) state = { ...state, bg: names[code - 40]! }
    // 38 and 48 begin a colour of 256 or more; their numbers are no codes.
    else if (code === 38 || code === 48) break
  }
  return state
}

function classOf({ fg, bg, isBold, isUnderlined }: Colour): string {
  return [
    ...(fg ? [`ansi-${fg}`] : []),
    ...(bg ? [`ansi-bg-${bg}`] : []),
    ...(isBold ? ['ansi-bold'] : []),
    ...(isUnderlined ? ['ansi-underline'] : []),
  ].join(' ')
}

/** Cuts a line by colours and matches. */
export function piecesOf(line: string, marks: RegExp | undefined): Piece[] {
  const runs = colourRuns(line)
  if (!marks) return runs.map(run => ({ ...run, isMatch: false }))
  return runs.flatMap(({ text, colour }) => {
    const pieces: Piece[] = []
    let from = 0
    for (const { 0: found, index } of text.matchAll(marks)) {
      if (found === '') continue
      if (index > from) pieces.push({ text: text.slice(from, index), colour, isMatch: false })
      pieces.push({ text: found, colour, isMatch: true })
      from = index + found.length
    }
    if (from < text.length) pieces.push({ text: text.slice(from), colour, isMatch: false })
    return pieces
  })
}
