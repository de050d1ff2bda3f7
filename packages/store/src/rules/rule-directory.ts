// The rules in files: a directory for each tenant, with files of groups in it. A file that cannot be used keeps the
// groups that it had, so that a slip of a pen ends no alert.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { formatProblem } from '@skald/config-reading'
import type { PlacedGroup } from './rule.ts'
import { readRuleFile } from './rule-file.ts'

interface KnownFile {
  /** The text that was read last. */
  readonly text: string
  /** The groups of the last usable text. */
  readonly groups: readonly PlacedGroup[]
  readonly isUsable: boolean
}

/** What the files say now. */
export interface RulesRead {
  readonly groups: readonly PlacedGroup[]
  /** Tenants with files → whether all of them can be used. */
  readonly tenants: ReadonlyMap<string, boolean>
  /** New mistakes, with file, line and column. */
  readonly problems: readonly string[]
}

/** A directory of rules. */
export class RuleDirectory {
  readonly #directory: string
  #known: ReadonlyMap<string, KnownFile> = new Map()
  #failure = ''

  /** @param directory Empty for no rules in files. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /** Reads the files. Never throws. */
  read(): RulesRead {
    if (this.#directory === '') return { groups: [], tenants: new Map(), problems: [] }
    const problems: string[] = []
    const next = new Map<string, KnownFile>()
    const tenants = new Map<string, boolean>()
    try {
      for (const tenant of namesIn(this.#directory, 'directory')) {
        tenants.set(tenant, true)
        for (const namespace of namesIn(join(this.#directory, tenant), 'file')) {
          const path = join(this.#directory, tenant, namespace)
          const file = this.#readFile(path, { tenant, namespace, problems })
          next.set(path, file)
          if (!file.isUsable) tenants.set(tenant, false)
        }
      }
      this.#failure = ''
      this.#known = next
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException
      if (message !== this.#failure) {
        const why = code === 'ENOENT' ? 'it does not exist, so it has no rules' : message
        problems.push(`cannot read ${this.#directory}: ${why}`)
      }
      this.#failure = message
      // After another failure, the rules of the last time stay.
      if (code === 'ENOENT') this.#known = new Map()
    }
    const groups = [...this.#known.values()].flatMap(file => file.groups)
    return { groups, tenants, problems }
  }

  #readFile(
    path: string,
    {
      tenant,
      namespace,
      problems,
    }: { readonly tenant: string; readonly namespace: string; readonly problems: string[] },
  ): KnownFile {
    const known = this.#known.get(path)
    const text = readFileSync(path, 'utf8')
    if (known?.text === text) return known
    const read = readRuleFile(text)
    for (const problem of [...read.problems, ...read.doubts])
      problems.push(formatProblem(path, problem))
    if (read.problems.length > 0) return { text, groups: known?.groups ?? [], isUsable: false }
    const groups = read.groups.map(group => ({ tenant, namespace, group, source: 'file' }) as const)
    return { text, groups, isUsable: true }
  }
}

/**
 * Returns the names of the files or directories in a directory, links included, in order. Names with a dot are the
 * kubelet's: the directories behind a mounted ConfigMap.
 */
function namesIn(directory: string, kind: 'file' | 'directory'): string[] {
  const names = readdirSync(directory).filter(name => !name.startsWith('.'))
  return names.sort().filter(name => {
    const stat = statSync(join(directory, name), { throwIfNoEntry: false })
    return kind === 'file' ? stat?.isFile() : stat?.isDirectory()
  })
}
