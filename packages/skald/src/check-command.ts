// `skald check FILE`: checks a configuration and shows where it is wrong.

import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { loadAgentConfig } from '@skald/agent/config'
import {
  ConfigError,
  type ConfigProblem,
  expandEnvironment,
  formatProblem,
  kindOfConfig,
} from '@skald/config-reading'
import { formatGoFlags, type GoFlag, parseGoFlags } from '@skald/go-dialect'
import { authRemarks } from '@skald/store/auth'
import { type LoadedStoreConfig, loadStoreConfig } from '@skald/store/config'
import { checkOverridesFile, readOverridesFile } from '@skald/store/overrides-file'
import { readRuleFile } from '@skald/store/rule-file'
import { expiryWarning, readCertificate } from '@skald/store/tls'
import { explainSystemError } from '@skald/wire'
import { UsageError } from './errors.ts'
import type { Terminal } from './terminal.ts'

const checkFlags: Readonly<Record<string, GoFlag>> = {
  'config.expand-env': {
    kind: 'boolean',
    description: 'Replace ${NAME} in the files by the environment first',
  },
  rules: {
    kind: 'text',
    description: "Check the files of rules that match a pattern, such as 'rules/*/*.yaml'",
  },
}

export const checkUsage = `skald check [flags] FILE...

Checks configurations of an agent (Promtail) and a store (Loki), and a store's files of overrides and of rules. It
recognizes a file by its keys. With a store's configuration, it also checks the files in its rules directory.

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
  const { flags, rest } = parseGoFlags(argv, checkFlags)
  const env = flags['config.expand-env'] === 'true' ? terminal.env : undefined
  const paths = [...rest, ...filesOfPattern(flags.rules)]
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

/** What a check found in a usable file. */
interface CheckResult {
  readonly kind: string
  readonly warnings: readonly string[]
}

async function checkFile(path: string, env: Terminal['env'] | undefined): Promise<CheckResult> {
  const written = readText(path)
  const text = env ? expandEnvironment(written, env) : written
  switch (kindOfConfig(text)) {
    case 'empty':
      return {
        kind: 'store configuration, but empty: a store runs with the defaults of all keys, an agent needs clients and scrape_configs',
        warnings: [],
      }
    case 'agent':
      return checkAgentFile(path, written, env)
    case 'rules':
      return checkRuleFile(path, text)
    case 'overrides':
      return { kind: overridesKind, warnings: remarksOn(path, checkOverridesFile(text, path)) }
    case 'store':
      return checkStoreFile(path, written, env)
  }
}

const overridesKind = 'file of overrides'

async function checkAgentFile(
  path: string,
  text: string,
  env: Terminal['env'] | undefined,
): Promise<CheckResult> {
  const options = { path, isStrict: true, probesJobs: true, ...(env && { expandEnv: true, env }) }
  const { doubts } = await loadAgentConfig({ ...options, text })
  return { kind: 'agent configuration', warnings: doubts }
}

function checkStoreFile(path: string, text: string, env: Terminal['env'] | undefined): CheckResult {
  const loaded = loadStoreConfig(text, path, env)
  return {
    kind: 'store configuration',
    warnings: [
      ...remarksOn(path, loaded.idleKeys, loaded.doubts),
      ...checkOverridesOf(loaded, path),
      ...checkCertificateOf(loaded),
      ...checkAuthOf(loaded, path),
      ...checkRulesOf(loaded),
    ],
  }
}

/**
 * Checks the certificate that a store's configuration names. Its files may not be on the machine that checks.
 *
 * @throws CertificateError if the files are there and cannot be used.
 */
function checkCertificateOf({ config: { tls } }: LoadedStoreConfig): string[] {
  if (!tls) return []
  const files = [tls.cert, tls.key, tls.clientCa].flatMap(source =>
    source && 'file' in source ? [source.file] : [],
  )
  const missing = files.filter(file => !existsSync(file))
  if (missing.length > 0) {
    return missing.map(file => `${file}: not on this machine; a store does not start without it`)
  }
  const warning = expiryWarning(readCertificate(tls))
  return warning ? [`${files[0] ?? 'server.http_tls_config.cert'}: ${warning}`] : []
}

/**
 * Checks who may come in.
 *
 * @throws AuthFileError if the file with the passwords is there and cannot be used.
 */
function checkAuthOf({ config: { auth } }: LoadedStoreConfig, path: string): string[] {
  if (!auth) return []
  const { htpasswdFile } = auth
  if (htpasswdFile !== undefined && !existsSync(htpasswdFile)) {
    return [`${htpasswdFile}: not on this machine; a store does not start without it`]
  }
  return authRemarks(auth, Date.now()).map(remark => `${path}: ${remark}`)
}

/** Returns the files of a pattern. @throws UsageError if there are none. */
function filesOfPattern(pattern: string | undefined): string[] {
  if (pattern === undefined) return []
  const found = globSync(pattern).sort()
  if (found.length > 0) return found
  throw new UsageError(`no file matches --rules ${pattern}`, { usage: checkUsage })
}

/** @throws ConfigError with every mistake and its place. */
function checkRuleFile(path: string, text: string): CheckResult {
  const { groups, problems, doubts } = readRuleFile(text)
  if (problems.length > 0) throw new ConfigError({ path, problems })
  const count = groups.reduce((sum, { rules }) => sum + rules.length, 0)
  return {
    kind: `file of rules: ${count} in ${groups.length} ${groups.length === 1 ? 'group' : 'groups'}`,
    warnings: doubts.map(problem => formatProblem(path, problem)),
  }
}

/** Checks the files in the rules directory of a store. @throws ConfigError with every mistake and its place. */
function checkRulesOf({ config }: LoadedStoreConfig): string[] {
  const directory = config.ruler?.directory ?? ''
  if (directory === '') return []
  return globSync(join(directory, '*', '*'))
    .sort()
    .filter(path => !basename(path).startsWith('.') && statSync(path).isFile())
    .flatMap(path => checkRuleFile(path, readText(path)).warnings)
}

/** Checks the overrides files that a store's configuration names, as the store reads them. */
function checkOverridesOf(loaded: LoadedStoreConfig, path: string): string[] {
  const { config, raw, overridesPlace } = loaded
  const options = { rawLimits: raw.limits_config, mayDelete: config.mayDelete }
  return config.overrides.paths.flatMap(file => {
    let text: string
    try {
      text = readText(file)
    } catch (error) {
      const why = explainSystemError(error) ?? (error as Error).message
      const message = `${why}; a store does not start without this file of overrides`
      return [formatProblem(path, { ...overridesPlace, message })]
    }
    return remarksOn(file, readOverridesFile(text, file, options).idleKeys)
  })
}

/** Returns the keys without meaning and the doubts about a file in its order. */
function remarksOn(
  path: string,
  idleKeys: readonly ConfigProblem[],
  doubts: readonly ConfigProblem[] = [],
): string[] {
  const idle = idleKeys.map(({ message, ...place }) => ({
    ...place,
    message: `${message} has no meaning here: it may be removed`,
  }))
  return [...doubts, ...idle]
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map(problem => formatProblem(path, problem))
}

/** Reads a file. Errors name it, even those of a directory. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw Object.assign(error as Error, { path })
  }
}
