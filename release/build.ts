// Builds everything that a release consists of into one directory. Publishes nothing.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildNpmPackage } from './npm-package.ts'
import { chartDir } from './values-schema.ts'
import { currentVersion, versionProblems } from './version.ts'

/** Where to build, and the address of the chart. */
export interface BuildOptions {
  /** Must be empty or missing. */
  readonly outDir: string
  /** Future address of the chart, for its index. Empty for the directory of the index itself. */
  readonly chartUrl: string
}

/**
 * Builds the npm package, chart, list of tags and checksums. Returns the names of the files.
 * @throws Error when versions disagree, the directory is not empty, or helm is missing.
 */
export async function buildRelease({ outDir, chartUrl }: BuildOptions): Promise<string[]> {
  const problems = versionProblems()
  if (problems.length > 0) throw new Error(`Versions disagree:\n${problems.join('\n')}`)
  mkdirSync(outDir, { recursive: true })
  if (readdirSync(outDir).length > 0) throw new Error(`${outDir} is not empty`)
  await buildNpmPackage(outDir)
  buildChart(join(outDir, 'charts'), chartUrl)
  writeFileSync(join(outDir, 'image-tags.txt'), `${imageTags(currentVersion()).join('\n')}\n`)
  const files = listFiles(outDir)
  const sums = files.map(file => {
    const sum = createHash('sha256')
      .update(readFileSync(join(outDir, file)))
      .digest('hex')
    return `${sum}  ${file}\n`
  })
  writeFileSync(join(outDir, 'SHA256SUMS'), sums.join(''))
  return [...files, 'SHA256SUMS']
}

/** Returns the image tags of a version. A pre-release is never `latest`. */
export function imageTags(version: string): string[] {
  const [major, minor] = version.split('.')
  return version.includes('-') ? [version] : [version, `${major}.${minor}`, 'latest']
}

function buildChart(dir: string, url: string): void {
  mkdirSync(dir)
  const stdio = ['ignore', 'ignore', 'inherit'] as const
  try {
    execFileSync('helm', ['package', chartDir, '--destination', dir], { stdio: [...stdio] })
    const where = url === '' ? [] : ['--url', url]
    execFileSync('helm', ['repo', 'index', dir, ...where], { stdio: [...stdio] })
  } catch (cause) {
    throw new Error('Cannot package the chart: helm 3 must be on the PATH', { cause })
  }
}

function listFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter(path => statSync(join(dir, path)).isFile())
    .sort()
}
