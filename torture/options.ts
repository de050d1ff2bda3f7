// Reads the command line of `npm run torture`.

import { parseArgs } from 'node:util'

export interface TortureOptions {
  /** The parts to run, in order. */
  readonly names: readonly string[]
  readonly seed: number
  /** Rounds of each part; `undefined` means the part's long form. */
  readonly rounds: number | undefined
  /** Length of the soak, and of the time in which replicas are disturbed. */
  readonly minutes: number
  /** Parts that run at a time. */
  readonly jobs: number
}

/** These run only if they are named, because they take half an hour. */
const onlyByName = ['soak', 'scaled', 'network']

/** Reads the arguments. @throws Error with a text for the user. */
export function parseTortureOptions(
  args: readonly string[],
  known: readonly string[],
): TortureOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true },
      seed: { type: 'string' },
      rounds: { type: 'string' },
      minutes: { type: 'string' },
      jobs: { type: 'string' },
    },
  })
  const named = [...positionals, ...(values.only ?? [])]
  for (const name of named) {
    if (!known.includes(name)) throw new Error(`There is no part ${name}`)
  }
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : wholeNumber('seed', values.seed)
  const jobs = values.jobs === undefined ? 2 : wholeNumber('jobs', values.jobs)
  if (jobs < 1) throw new Error('--jobs must be at least 1')
  return {
    names: named.length > 0 ? named : known.filter(name => !onlyByName.includes(name)),
    seed,
    rounds: values.rounds === undefined ? undefined : wholeNumber('rounds', values.rounds),
    minutes: values.minutes === undefined ? 30 : wholeNumber('minutes', values.minutes),
    jobs,
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${name} needs a whole number, not ${text}`)
  return Number(text)
}

/** Returns the help text. */
export function usage(known: readonly string[]): string {
  return `Usage: npm run torture -- [PART...] [--only PART] [--seed N] [--rounds N] [--minutes N] [--jobs N]
Parts: ${known.join(', ')}`
}
