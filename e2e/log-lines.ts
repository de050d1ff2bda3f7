// Numbered lines for tests that count what arrives. A line is a function of its file and number, so
// a reader can check whether it is complete.

/** Identifies a line: the nth line of one file of one container. */
export interface LineName {
  readonly file: string
  readonly number: number
}

const filler = makeFiller(1 << 17)

function makeFiller(length: number): string {
  const words = [
    'GET',
    'order',
    'paid',
    'größer',
    'cache',
    '"quoted"',
    'back\\slash',
    '✓',
    '\t',
    '{}',
  ]
  let text = ''
  for (let i = 0; text.length < length; i++) text += `${words[(i * 7) % words.length]}-${i * 7919} `
  return text
}

/** Longest generated line, in UTF-16 units. Longer than a part of a container runtime's log. */
const longLineMax = 40_000

/** Generates the text of a line: mostly short, some of a kilobyte, few with several parts. */
export function makeLine({ file, number }: LineName): string {
  const random = hash(`${file}/${number}`)
  const kind = random % 1000
  const spread = Math.floor(random / 1000)
  let length = 40 + (spread % 260)
  if (kind < 150) length = 300 + (spread % 1200)
  if (kind < 2) length = 14_000 + (spread % (longLineMax - 14_000))
  const start = spread % (filler.length - longLineMax)
  return `file=${file} n=${number} ${filler.slice(start, start + length)}.`
}

/** Reads from a text which line it claims to be. */
export function parseLineName(line: string): LineName | undefined {
  const match = /^file=(\S+) n=(\d+) /.exec(line)
  return match ? { file: match[1]!, number: Number(match[2]) } : undefined
}

/** Computes a 32-bit FNV-1a hash. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
