// file_sd_configs: targets from files that other programs write. If a file is unreadable or half written,
// its last good targets stay in force.

import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import {
  type ConfigProblem,
  parseYaml,
  readList,
  readRefreshMs,
  readText,
  type ValueReader,
} from '@skald/config-reading'
import { compileGlob, type Glob } from '../files/glob.ts'
import { PlaceWatcher } from '../files/place-watcher.ts'
import { targetFileBytesMax, targetFileSettleMs } from '../limits.ts'
import { RepeatedTask } from '../repeated-task.ts'
import { metaLabel } from './meta-label.ts'
import { readStaticConfigs, staticGroups } from './static.ts'
import type { Discoverer, DiscoveryConfig, DiscoveryContext, TargetGroup } from './target-group.ts'

const refreshMsDefault = 300_000

// Like in Prometheus: `*` only in the last segment.
const filePattern = /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/

const readPattern: ValueReader<string> = cursor => {
  const pattern = readText(cursor)
  if (pattern === undefined) return undefined
  if (filePattern.test(pattern)) {
    try {
      compileGlob(pattern)
      return pattern
    } catch (error) {
      return cursor.fail(`${pattern} is not a valid glob: ${(error as Error).message}`)
    }
  }
  return cursor.fail(
    `path name ${JSON.stringify(pattern)} is not valid for file discovery: it must end in .json, .yml or .yaml, with * in its last part only`,
  )
}

const readEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({ files: readList(readPattern), refresh_interval: readRefreshMs })
  // Unusable patterns have already been reported.
  if (!raw.files || cursor.get('files')?.items().length === 0) {
    return cursor.fail(
      'file service discovery config must contain at least one path name: add files',
    )
  }
  const { files } = raw
  const refreshMs = raw.refresh_interval || refreshMsDefault
  return { kind: 'file', create: context => new FileDiscovery({ files, refreshMs }, context) }
}

/** Reads `file_sd_configs`. */
export const readFileDiscovery: ValueReader<DiscoveryConfig[]> = readList(readEntry)

/** Follows the files of one entry. */
class FileDiscovery implements Discoverer {
  readonly #globs: readonly Glob[]
  readonly #directories: ReadonlySet<string>
  readonly #refreshMs: number
  readonly #context: DiscoveryContext
  readonly #watcher: PlaceWatcher
  /** Last good content of each file. */
  #groups = new Map<string, readonly TargetGroup[]>()
  /** Last problem of each file, so that each is logged once. */
  readonly #problems = new Map<string, string>()
  #onGroups: ((groups: Iterable<TargetGroup>) => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #settleTimer: NodeJS.Timeout | undefined
  readonly #reading = new RepeatedTask(
    () => this.#readAll(),
    () => this.#isStopped,
  )
  #isStopped = false

  constructor(
    config: { readonly files: readonly string[]; readonly refreshMs: number },
    context: DiscoveryContext,
  ) {
    this.#globs = config.files.map(compileGlob)
    this.#directories = new Set(config.files.map(file => dirname(resolve(file))))
    this.#refreshMs = config.refreshMs
    this.#context = context
    const { logger } = context
    // React to any name: if a file is a link into a replaced directory, events name only the directory.
    this.#watcher = new PlaceWatcher({ onChange: () => this.#refreshSoon(), logger })
  }

  start(onGroups: (groups: Iterable<TargetGroup>) => void): void {
    this.#onGroups = onGroups
    this.#timer = setInterval(() => void this.#reading.request(), this.#refreshMs)
    void this.#reading.request()
  }

  #refreshSoon(): void {
    if (this.#isStopped) return
    this.#settleTimer ??= setTimeout(() => {
      this.#settleTimer = undefined
      void this.#reading.request()
    }, targetFileSettleMs)
  }

  async #readAll(): Promise<void> {
    await this.#watcher.watch(this.#directories)
    const next = new Map<string, readonly TargetGroup[]>()
    const onUnreadable = (directory: string, error: Error) => {
      this.#report(directory, error.message)
      for (const [path, groups] of this.#groups) {
        if (dirname(path) === directory) next.set(path, groups)
      }
    }
    const found = await Promise.all(this.#globs.map(glob => glob.find({ onUnreadable })))
    for (const path of new Set(found.flat())) {
      const groups = await this.#read(path)
      if (groups) next.set(path, groups)
    }
    if (this.#isStopped) return
    this.#groups = next
    this.#onGroups?.([...next.values()].flat())
  }

  /** Returns the groups of a file, or its last good ones. Returns undefined if the file is gone. */
  async #read(path: string): Promise<readonly TargetGroup[] | undefined> {
    try {
      const { size } = await stat(path)
      if (size > targetFileBytesMax)
        throw new Error(`it is larger than ${targetFileBytesMax} bytes`)
      const groups = parseTargetFile(path, await readFile(path, 'utf8'))
      if (this.#problems.delete(path)) {
        this.#context.logger.info({ file: path }, 'Targets file is readable again')
      }
      return groups
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      this.#report(path, (error as Error).message)
      return this.#groups.get(path)
    }
  }

  #report(path: string, problem: string): void {
    const { metrics, logger } = this.#context
    metrics.fileDiscoveryErrors.inc()
    if (this.#problems.get(path) === problem) return
    this.#problems.set(path, problem)
    const fields = { file: path, error: problem, keptTargets: this.#groups.has(path) }
    logger.error(fields, 'Cannot use targets file: its last good content stays in force')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    clearTimeout(this.#settleTimer)
    await this.#reading.running
    await this.#watcher.close()
  }
}

/**
 * Reads a list of targets and labels, as JSON or YAML.
 *
 * @throws SyntaxError with file and line if the text is anything else.
 */
export function parseTargetFile(path: string, text: string): TargetGroup[] {
  // The file is still being written: an intentionally empty one contains [].
  if (text.trim() === '') throw new SyntaxError('it is empty: write [] for no targets')
  const isJson = /\.json$/i.test(path)
  if (isJson) JSON.parse(text)
  // JSON is YAML, except for tabs between values.
  const { root, problems } = parseYaml(isJson ? text.replaceAll('\t', ' ') : text, 'the list')
  const configs = problems.length === 0 ? readStaticConfigs(root) : []
  const [first] = problems as readonly ConfigProblem[]
  if (first) throw new SyntaxError(`${path}:${first.line}:${first.column}: ${first.message}`)
  const filepath: [string, string] = [metaLabel('filepath'), path]
  // Like in Prometheus: a group in a file that lists no targets has none.
  const listed = configs.filter(({ targets }) => targets.length > 0)
  return staticGroups(listed, path).map(group => ({
    ...group,
    labels: new Map([...group.labels, filepath]),
  }))
}
