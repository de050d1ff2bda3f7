// Builds npm packages with compiled JavaScript. Node strips no types below node_modules, so
// published packages must not contain any.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Manifest, packageDirs, readJson, rootDir } from './packages.ts'

/** First version with zstd in node:zlib. */
const nodeRange = '>=22.15'

/** Builds a tarball of every package in `outDir`. Returns their names. */
export function buildTarballs(outDir: string): string[] {
  const workDir = join(outDir, '.packages')
  const names = packageDirs().map(dir => {
    const target = join(workDir, dir)
    compile(join(rootDir, dir, 'src'), join(target, 'dist'), workDir)
    copyBuilt(join(rootDir, dir), target)
    writeManifest(readJson<Manifest>(join(rootDir, dir, 'package.json')), target)
    copyFileSync(join(rootDir, 'LICENSE'), join(target, 'LICENSE'))
    copyFileSync(join(rootDir, 'README.md'), join(target, 'README.md'))
    writeBin(join(rootDir, dir), target)
    const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', outDir], {
      cwd: target,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return packedName(printed)
  })
  rmSync(workDir, { recursive: true })
  return names
}

/** npm prints one package as a list or, in other versions, by its name. */
function packedName(printed: string): string {
  const [packed] = Object.values(JSON.parse(printed) as Record<string, { filename: string }>)
  return packed!.filename
}

function compile(sourceDir: string, outDir: string, workDir: string): void {
  mkdirSync(workDir, { recursive: true })
  const project = join(workDir, 'tsconfig.json')
  const compilerOptions = {
    noEmit: false,
    rewriteRelativeImportExtensions: true,
    declaration: true,
    rootDir: sourceDir,
    outDir,
    typeRoots: [join(rootDir, 'node_modules/@types')],
  }
  // Type declarations for modules without any are next to the sources of the package that uses
  // them.
  const include = [sourceDir, join(rootDir, 'packages/*/src/**/*.d.ts')]
  const config = { extends: join(rootDir, 'tsconfig.json'), compilerOptions, include }
  writeFileSync(project, JSON.stringify(config))
  execFileSync(join(rootDir, 'node_modules/.bin/tsc'), ['--project', project], { stdio: 'inherit' })
  for (const path of readdirSync(outDir, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.js')) continue
    const file = join(outDir, path)
    // Workers are named by URLs, which the compiler does not rewrite.
    const text = readFileSync(file, 'utf8').replace(/(new URL\('\.[^']+)\.ts'/g, "$1.js'")
    writeFileSync(file, text)
  }
}

/** Copies the WebAssembly that `npm ci` has built. Fails if there is only its source. */
function copyBuilt(packageDir: string, target: string): void {
  if (!existsSync(join(packageDir, 'assembly'))) return
  cpSync(join(packageDir, 'build'), join(target, 'build'), { recursive: true })
}

function writeManifest(manifest: Manifest, target: string): void {
  const { private: _private, exports: sourceExports, devDependencies: _dev, ...rest } = manifest
  const published = {
    ...rest,
    ...(sourceExports && { exports: compiledExports(sourceExports) }),
    engines: { node: nodeRange },
    files: ['dist', 'bin', 'build'],
  }
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(published, null, 2)}\n`)
}

/** Returns the exports of a published package. */
function compiledExports(sources: NonNullable<Manifest['exports']>): Manifest['exports'] {
  const compiled = (path: string) => path.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '.js')
  if (typeof sources === 'string') return compiled(sources)
  return Object.fromEntries(
    Object.entries(sources).map(([name, path]) => [name, compiled(path)] as const),
  )
}

/** Writes the command so that it starts the compiled program. */
function writeBin(packageDir: string, target: string): void {
  const bin = join(packageDir, 'bin/skald')
  if (readJson<Manifest>(join(packageDir, 'package.json')).bin === undefined) return
  let compiled = readFileSync(bin, 'utf8')
  for (const [source, published] of [
    ['/../src/main.ts"', '/../dist/main.js"'],
    // Compiled, it needs a Node with zstd, not one that strips types.
    ['process.features.typescript', 'require("zlib").zstdCompress'],
    ['Node 22.18', `Node ${nodeRange.slice('>='.length)}`],
    [': install one, or the one of this project with npm ci (without --omit=dev)', ': install one'],
  ] as const) {
    if (!compiled.includes(source)) throw new Error(`${bin} does not have ${source}`)
    compiled = compiled.replace(source, published)
  }
  mkdirSync(join(target, 'bin'))
  const path = join(target, 'bin/skald')
  writeFileSync(`${path}.new`, compiled)
  chmodSync(`${path}.new`, 0o755)
  renameSync(`${path}.new`, path)
}
