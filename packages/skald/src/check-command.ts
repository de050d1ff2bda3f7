// `skald check FILE`: checks a configuration and shows where it is wrong.

import { readFileSync } from 'node:fs'
import { loadAgentConfig } from '@skald/agent'
import { formatGoFlags, type GoFlag, parseGoFlags } from '@skald/go-dialect'
import { checkOverridesFile, loadStoreConfig } from '@skald/store'
import { expandEnvironment, explainSystemError, formatProblem } from '@skald/wire'
import { hasTopKey, isAgentConfig } from './config-kind.ts'
import { UsageError } from './errors.ts'
import type { Terminal } from './terminal.ts'

const checkFlags: Readonly<Record<string, GoFlag>> = {
  'config.expand-env': {
    kind: 'boolean',
    description: 'Replace ${NAME} in the files by the environment first',
  },
}

export const checkUsage = `skald check [flags] FILE...

Checks configurations of an agent (Promtail) and a store (Loki), and a store's overrides file. It recognizes a file by
its keys.

${formatGoFlags(checkFlags)}
`

/**
 * Runs the command. Returns 1 if a file has an error.
 *
 * @throws UsageError if no file is given.
 */
export async function runCheckCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { flags, rest: paths } = parseGoFlags(argv, checkFlags)
  const env = flags['config.expand-env'] === 'true' ? terminal.env : undefined
  if (paths.length === 0) {
    throw new UsageError('skald check takes one or more files', { usage: checkUsage })
  }
  let exitCode = 0
  for (const path of paths) {
    try {
      const { kind, warnings } = await checkFile(path, env)
      for (const warning of warnings) terminal.stdout.write(`${warning}\n`)
      terminal.stdout.write(`${path}: valid ${kind}\n`)
    } catch (error) {
      exitCode = 1
      terminal.stderr.write(`${explainSystemError(error) ?? (error as Error).message}\n`)
    }
  }
  return exitCode
}

async function checkFile(
  path: string,
  env: Terminal['env'] | undefined,
): Promise<{ kind: string; warnings: readonly string[] }> {
  const written = readFileSync(path, 'utf8')
  const text = env ? expandEnvironment(written, env) : written
  if (isAgentConfig(text)) {
    const options = { path, isStrict: true, probesJobs: true, ...(env && { expandEnv: true, env }) }
    const { doubts } = await loadAgentConfig({ ...options, text: written })
    return { kind: 'agent configuration', warnings: doubts }
  }
  const isOverrides = hasTopKey(text, ['overrides'])
  const { doubts, idleKeys } = isOverrides
    ? { doubts: [], idleKeys: checkOverridesFile(text, path) }
    : loadStoreConfig(written, path, env)
  const idle = idleKeys.map(({ message, ...place }) => ({
    ...place,
    message: `${message} has no meaning here: it may be removed`,
  }))
  const warnings = [...doubts, ...idle].toSorted((a, b) => a.line - b.line || a.column - b.column)
  return {
    kind: isOverrides ? 'file of overrides' : 'store configuration',
    warnings: warnings.map(problem => formatProblem(path, problem)),
  }
}
