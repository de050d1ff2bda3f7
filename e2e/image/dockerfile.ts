// Parses the parts of a Dockerfile that ours uses: stages with their instructions in order.

/**
 * An instruction: `COPY` and the words after it, with continued lines joined and without comments.
 */
export interface Instruction {
  readonly name: string
  readonly rest: string
}

/** A stage: `FROM base AS name` and its instructions. */
export interface Stage {
  readonly base: string
  readonly name: string
  readonly instructions: readonly Instruction[]
}

/**
 * Splits the text into stages.
 * @throws Error when an instruction comes before the first FROM.
 */
export function parseDockerfile(text: string): Stage[] {
  const joined = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n/g, ' ')
  const stages: { base: string; name: string; instructions: Instruction[] }[] = []
  for (const line of joined.split('\n')) {
    const [, name, rest = ''] = line.match(/^([A-Z]+)\s+(.*)$/) ?? []
    if (!name) continue
    if (name === 'FROM') {
      const [base = '', , stage = ''] = rest.split(/\s+/)
      stages.push({ base, name: stage, instructions: [] })
      continue
    }
    const stage = stages.at(-1)
    if (!stage) throw new Error(`${name} comes before the first FROM`)
    stage.instructions.push({ name, rest })
  }
  return stages
}

/** Returns the words of a list such as CMD ["a", "b"]. */
export function execForm(stage: Stage, name: string): string[] {
  const { rest = '' } = stage.instructions.findLast(instruction => instruction.name === name) ?? {}
  const list = rest.match(/\[.*\]/)?.[0]
  if (!list) throw new Error(`${name} is not written as a list: ${rest}`)
  return JSON.parse(list) as string[]
}

/** Returns the variables that ENV sets. */
export function environmentOf(stage: Stage): Record<string, string> {
  const pairs = stage.instructions
    .filter(({ name }) => name === 'ENV')
    .flatMap(({ rest }) => rest.split(/\s+/))
    .map(pair => pair.split('=') as [string, string])
  return Object.fromEntries(pairs)
}
