// Keeps one version for packages, chart and image, wherever it is written.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Manifest, packageDirs, readJson, rootDir } from './packages.ts'

/** https://semver.org, without build metadata, which image tags cannot contain. */
const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z][0-9A-Za-z.-]*)?$/

const unreleased = '## Unreleased'

/** Pages with commands that name the image. */
const imagePages = ['docs/kubernetes.md', 'docs/migrating.md', 'docs/releases.md']
const imageTag = /(?<=\bskald:)\d+\.[\w.-]*/g

const manifestFile = 'examples/kubernetes/skald.yaml'
/** Labels and image of the rendered chart. */
const manifestVersion = /(?<=\bskald[-:]|\/version: )\d+\.[\w.-]*/g

/** Returns the version in the root's package.json. */
export function currentVersion(root = rootDir): string {
  return readJson<Manifest>(join(root, 'package.json')).version
}

/**
 * Returns the places with another version, each as `file: version`; empty if all agree. The
 * CHANGELOG must have a heading for unreleased changes.
 */
export function versionProblems(root = rootDir): string[] {
  const version = currentVersion(root)
  const problems: string[] = []
  const check = (file: string, found: string | undefined) => {
    if (found !== version) problems.push(`${file}: ${found ?? 'no version'}, expected ${version}`)
  }
  for (const dir of packageDirs(root)) {
    const manifest = readJson<Manifest>(join(root, dir, 'package.json'))
    check(`${dir}/package.json`, manifest.version)
    for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
      if (name.startsWith('@skald/')) check(`${dir}/package.json ${name}`, range)
    }
  }
  const chart = readFileSync(join(root, 'charts/skald/Chart.yaml'), 'utf8')
  for (const key of ['version', 'appVersion']) {
    check(`Chart.yaml ${key}`, chart.match(new RegExp(`^${key}: "?([^"\\n]+)`, 'm'))?.[1])
  }
  for (const page of imagePages) {
    const tags = readFileSync(join(root, page), 'utf8').match(imageTag) ?? [undefined]
    for (const tag of tags) check(`${page} image`, tag)
  }
  for (const found of new Set(
    readFileSync(join(root, manifestFile), 'utf8').match(manifestVersion),
  )) {
    check(manifestFile, found)
  }
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
  if (!changelog.includes(`\n${unreleased}\n`)) problems.push(`CHANGELOG.md: no ${unreleased}`)
  return problems
}

/**
 * Writes a new version everywhere, and moves the unreleased changes under its heading.
 * @throws RangeError when the version is invalid.
 */
export function setVersion(version: string, options: { root?: string; date: string }): void {
  const { root = rootDir, date } = options
  if (!semver.test(version))
    throw new RangeError(`${version} is not a version such as 1.2.3 or 1.2.3-rc.1`)
  if (currentVersion(root) === version) throw new RangeError(`${version} is already the version`)
  for (const dir of ['', ...packageDirs(root)]) {
    rewriteJson<Manifest>(join(root, dir, 'package.json'), manifest =>
      withVersion(manifest, version),
    )
  }
  rewriteJson<{ version: string; packages: Record<string, Manifest> }>(
    join(root, 'package-lock.json'),
    lock => ({
      ...lock,
      version,
      packages: Object.fromEntries(
        Object.entries(lock.packages).map(([path, entry]) => {
          const isOurs = path === '' || packageDirs(root).includes(path)
          return [path, isOurs ? withVersion(entry, version) : entry]
        }),
      ),
    }),
  )
  rewriteText(join(root, 'charts/skald/Chart.yaml'), text =>
    text.replace(/^(version|appVersion): .*$/gm, `$1: ${version}`),
  )
  for (const page of imagePages) {
    rewriteText(join(root, page), text => text.replaceAll(imageTag, version))
  }
  rewriteText(join(root, manifestFile), text => text.replaceAll(manifestVersion, version))
  rewriteText(join(root, 'CHANGELOG.md'), text =>
    text.replace(`\n${unreleased}\n`, `\n${unreleased}\n\n## ${version} (${date})\n`),
  )
}

function withVersion(manifest: Manifest, version: string): Manifest {
  const { dependencies } = manifest
  const ours = (name: string, range: string) => (name.startsWith('@skald/') ? version : range)
  return {
    ...manifest,
    ...('version' in manifest ? { version } : {}),
    ...(dependencies && {
      dependencies: Object.fromEntries(
        Object.entries(dependencies).map(([name, range]) => [name, ours(name, range)]),
      ),
    }),
  }
}

function rewriteJson<Content>(path: string, change: (content: Content) => Content): void {
  rewriteText(path, text => `${JSON.stringify(change(JSON.parse(text) as Content), null, 2)}\n`)
}

function rewriteText(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}
