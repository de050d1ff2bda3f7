// Whether the servers agree: a row is worth nothing if the answers differ.

import { differenceOf, type Figures } from './figures.ts'
import type { Question } from './questions.ts'

/** What one server answered. */
export interface Answered {
  readonly result: {
    readonly name: string
    /** Name of a question → what is wrong with the answer by itself. */
    readonly problems: Readonly<Record<string, string>>
  }
  readonly answers: ReadonlyMap<string, Figures>
}

/** Returns for each question how answers are wrong or differ, if they do. */
export function disagreementsOf(
  all: readonly Answered[],
  questions: readonly Question[],
): Record<string, string> {
  const disagreements: Record<string, string> = {}
  for (const { name, tolerance = 0 } of questions) {
    const wrong = all.flatMap(({ result }) => {
      const problem = result.problems[name]
      return problem === undefined ? [] : [`${result.name}: ${problem}`]
    })
    const [first, ...others] = all
    const expected = first?.answers.get(name)
    for (const { result, answers } of others) {
      if (result.problems[name] !== undefined) continue
      const found = answers.get(name)
      const difference = expected && found && differenceOf(expected, found, tolerance)
      if (difference !== undefined) {
        wrong.push(`${result.name} does not agree with ${first!.result.name}: ${difference}`)
      }
    }
    if (wrong.length > 0) disagreements[name] = wrong.join('; ')
  }
  return disagreements
}
