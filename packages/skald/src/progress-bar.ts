import type { Colours } from '@skald/wire'

const cells = 30

/** Draws how much is done: a third is `[██████████░░░░░░░░░░░░░░░░░░░░]  33 %`. */
export function drawBar(share: number, colours: Colours): string {
  const full = Math.floor(share * cells)
  const bar = colours.green('█'.repeat(full)) + colours.dim('░'.repeat(cells - full))
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %`
}
