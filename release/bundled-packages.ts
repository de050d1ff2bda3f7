// What a bundle needs of other people's packages: their licences beside it, and those with native code as files.

import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Manifest, readJson, rootDir } from './packages.ts'

/** Files that only builders and type checkers need. */
const needless = /\.(h|gyp|gypi|map|d\.[cm]?ts|md)$/i

const licence = /^(licen[cs]e|copying|notice)\b/i

/**
 * Returns the folders of the packages that files come from, each once, ordered by name.
 * @param files - paths below some node_modules; others are left out.
 */
export function packagesOf(files: readonly string[]): string[] {
  const folders = files.flatMap(
    file => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? [],
  )
  return [...new Set(folders)].sort()
}

/**
 * Returns the names, versions and licences of packages as one text, each licence once.
 * @throws Error when a package names no licence at all.
 */
export function licencesOf(folders: readonly string[]): string {
  const byText = new Map<string, string[]>()
  for (const folder of folders) {
    const { name, version, license } = readJson<Manifest & { license?: string }>(
      join(folder, 'package.json'),
    )
    const files = readdirSync(folder).filter(file => licence.test(file))
    if (files.length === 0 && !license) throw new Error(`${folder} names no licence`)
    const text = files.map(file => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n')
    const packages = byText.get(text) ?? []
    packages.push(`${name} ${version}${license ? ` (${license})` : ''}`)
    byText.set(text, packages)
  }
  const parts = [...byText].map(([text, packages]) => `${packages.join('\n')}\n\n${text}`.trim())
  const rule = '-'.repeat(80)
  return `This program contains the following packages.\n\n${parts.join(`\n\n${rule}\n\n`)}\n`
}

/** Copies packages, and those they depend on, into `targetDir`/node_modules. */
export function copyPackages(names: readonly string[], targetDir: string): void {
  const waiting = [...names]
  const copied = new Set<string>()
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (copied.has(name)) continue
    copied.add(name)
    const source = join(rootDir, 'node_modules', name)
    cpSync(source, join(targetDir, 'node_modules', name), {
      recursive: true,
      filter: path => !needless.test(path) || licence.test(basename(path)),
    })
    if (existsSync(join(source, 'node_modules'))) {
      throw new Error(`${dirname(source)} holds further versions, which are not copied`)
    }
    waiting.push(
      ...Object.keys(readJson<Manifest>(join(source, 'package.json')).dependencies ?? {}),
    )
  }
}
