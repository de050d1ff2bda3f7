// Lines that the agent could not deliver: why, how much, and the marker that says so in their stream.

import { gapLinePrefix, gapNames, type Label } from '@skald/wire'

/** Why lines are missing. */
export type GapKind =
  | 'deleted'
  | 'truncated'
  | 'damaged'
  | 'too_long'
  | 'too_many_streams'
  | 'over_rate'
  | 'no_room'
  | 'refused'
  | 'rate_limited'
  | 'given_up'
  | 'damaged_batch'

/** How much is missing. 0 if unknown. */
export interface GapAmount {
  readonly bytes: number
  readonly lines: number
}

/** Lines that are missing from one stream. */
export interface Gap extends GapAmount {
  /** Empty for the tenant of the client. */
  readonly tenant: string
  /** Canonical labels, without the tenant. */
  readonly labelsText: string
  readonly kind: GapKind
  /** The file that they were in. Empty if there is none. */
  readonly file: string
  /** What the server said. Empty if it said nothing. */
  readonly reason: string
}

type TextOf = (what: {
  lines: string
  bytes: string
  file: string
  reason: string
  were: string
}) => string

// Each continues `skald gap: `.
const texts: Readonly<Record<GapKind, TextOf>> = {
  deleted: ({ bytes, file }) => `${bytes}${file} were deleted before they were read`,
  truncated: ({ bytes, file }) => `${bytes}${file} were overwritten before they were read`,
  damaged: ({ file }) => `the rest${file} is damaged and was not read`,
  too_long: ({ lines, file, were }) => `${lines}${file} ${were} longer than the agent's limit`,
  too_many_streams: ({ lines, were }) =>
    `${lines} ${were} dropped: more streams than max_streams allows`,
  over_rate: ({ lines, were }) => `${lines} ${were} dropped: more than readline_rate allows`,
  no_room: ({ lines, were }) => `${lines} ${were} dropped: the client had no room`,
  refused: ({ lines, were, reason }) => `${lines} ${were} refused by the server${reason}`,
  rate_limited: ({ lines, were, reason }) =>
    `${lines} ${were} dropped above the server's rate${reason}`,
  given_up: ({ lines, were, reason }) => `${lines} ${were} given up after max_retries${reason}`,
  damaged_batch: ({ lines, were }) => `${lines} ${were} lost: the file on disk is damaged`,
}

/** Returns the line of a marker. */
export function gapText({ kind, bytes, lines, file, reason }: Gap): string {
  const byteText = counted(bytes, 'byte')
  const amount = bytes > 0 ? `${counted(lines, 'line')} (${byteText})` : counted(lines, 'line')
  const text = texts[kind]({
    bytes: byteText,
    lines: amount,
    file: file === '' ? '' : ` of ${file}`,
    reason: reason === '' ? '' : `: ${reason}`,
    were: lines === 1 ? 'was' : 'were',
  })
  return gapLinePrefix + text
}

/** Returns the structured metadata of a marker. */
export function gapMetadata({ kind, bytes, lines, file }: Gap): Label[] {
  const labels: Label[] = [{ name: gapNames.kind, value: kind }]
  if (bytes > 0) labels.push({ name: gapNames.bytes, value: String(bytes) })
  if (file !== '') labels.push({ name: gapNames.file, value: file })
  if (lines > 0) labels.push({ name: gapNames.lines, value: String(lines) })
  return labels
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}
