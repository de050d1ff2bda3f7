// Builds npm packages with compiled JavaScript. Node strips no types below node_modules, so
// published packages must not contain any.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { nativePackages } from './bundle.ts'
import { type Manifest, packageDirs, readJson, rootDir } from './packages.ts'
import { buildProgram, nodeRange } from './program.ts'

/** Builds a tarball of every package in `outDir`. Returns their names. */
export async function buildTarballs(outDir: string): Promise<string[]> {
  const workDir = join(outDir, '.packages')
  const names: string[] = []
  for (const dir of packageDirs()) {
    const target = join(workDir, dir)
    const manifest = readJson<Manifest>(join(rootDir, dir, 'package.json'))
    if (manifest.bin) {
      await buildProgram(target)
      writeManifest({ ...manifest, dependencies: nativeDependencies() }, target)
    } else {
      compile(join(rootDir, dir, 'src'), join(target, 'dist'), workDir)
      copyBuilt(join(rootDir, dir), target)
      writeManifest(manifest, target)
    }
    copyFileSync(join(rootDir, 'LICENSE'), join(target, 'LICENSE'))
    copyFileSync(join(rootDir, 'README.md'), join(target, 'README.md'))
    const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', outDir], {
      cwd: target,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    names.push(packedName(printed))
  }
  rmSync(workDir, { recursive: true })
  return names
}

/** npm prints one package as a list or, in other versions, by its name. */
function packedName(printed: string): string {
  const [packed] = Object.values(JSON.parse(printed) as Record<string, { filename: string }>)
  return packed!.filename
}

/** The program contains the rest of what it needs. */
function nativeDependencies(): Record<string, string> {
  const manifests = packageDirs().map(dir => readJson<Manifest>(join(rootDir, dir, 'package.json')))
  const all = Object.assign({}, ...manifests.map(({ dependencies }) => dependencies)) as Record<
    string,
    string
  >
  return Object.fromEntries(nativePackages.map(name => [name, all[name]!] as const))
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
    files: ['dist', 'bin', 'build', 'LICENSES.txt'],
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
