// Builds the npm package `skald`: the bundled program, and what it needs to be installed.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nativePackages } from './bundle.ts'
import { type Manifest, packageDirs, readJson, rootDir } from './packages.ts'
import { buildProgram, nodeRange } from './program.ts'

/** Builds the package in `outDir`. Returns the name of its file. */
export async function buildNpmPackage(outDir: string): Promise<string> {
  const workDir = join(outDir, '.package')
  mkdirSync(workDir)
  await buildProgram(workDir)
  writeFileSync(join(workDir, 'package.json'), `${JSON.stringify(publishedManifest(), null, 2)}\n`)
  for (const name of ['LICENSE', 'README.md'])
    copyFileSync(join(rootDir, name), join(workDir, name))
  const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', outDir], {
    cwd: workDir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  rmSync(workDir, { recursive: true })
  // npm prints one package as a list or, in other versions, by its name.
  const [packed] = Object.values(JSON.parse(printed) as Record<string, { filename: string }>)
  return packed!.filename
}

function publishedManifest(): Manifest {
  const manifests = packageDirs().map(dir => readJson<Manifest>(join(rootDir, dir, 'package.json')))
  const { private: _private, ...manifest } = manifests.find(({ bin }) => bin)!
  const ranges = new Map(manifests.flatMap(({ dependencies = {} }) => Object.entries(dependencies)))
  return {
    ...manifest,
    // The bundle contains the rest.
    dependencies: Object.fromEntries(
      nativePackages.map(name => [name, ranges.get(name)!] as const),
    ),
    engines: { node: nodeRange },
    files: ['dist', 'bin', 'LICENSES.txt'],
  }
}
