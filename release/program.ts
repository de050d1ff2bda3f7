// node release/program.ts [--with-native-packages] DIRECTORY: builds the program in the form that a release contains.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundleProgram, nativePackages } from './bundle.ts'
import { copyPackages, licencesOf, packagesOf } from './bundled-packages.ts'
import { readJson, rootDir } from './packages.ts'

/** First version with zstd in node:zlib. */
export const nodeRange = '>=22.15'

/**
 * Builds the program: `bin/skald` starts `dist/main.js`, and `LICENSES.txt` has the licences of what is bundled. Native
 * packages must be installed where it runs.
 * @throws Error when a source file cannot be bundled.
 */
export async function buildProgram(dir: string): Promise<void> {
  const files = await bundleProgram(join(dir, 'dist'))
  const ofPage = readJson<string[]>(join(rootDir, 'packages/page/build/modules.json'))
  const packages = packagesOf([...files, ...ofPage])
  writeFileSync(join(dir, 'LICENSES.txt'), licencesOf(packages))
  writeCommand(dir)
}

/** Writes the command so that it starts the bundle. */
function writeCommand(dir: string): void {
  const source = join(rootDir, 'packages/skald/bin/skald')
  let command = readFileSync(source, 'utf8')
  for (const [before, after] of [
    ['/../src/main.ts"', '/../dist/main.js"'],
    // Compiled, it needs a Node with zstd, not one that strips types.
    ['process.features.typescript', 'require("zlib").zstdCompress'],
    ['Node 22.18', `Node ${nodeRange.slice('>='.length)}`],
    [': install one, or the one of this project with npm ci (without --omit=dev)', ': install one'],
  ] as const) {
    if (!command.includes(before)) throw new Error(`${source} does not have ${before}`)
    command = command.replace(before, after)
  }
  mkdirSync(join(dir, 'bin'), { recursive: true })
  const path = join(dir, 'bin/skald')
  writeFileSync(`${path}.new`, command, { mode: 0o755 })
  renameSync(`${path}.new`, path)
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'with-native-packages': { type: 'boolean', default: false } },
  })
  const dir = resolve(positionals[0] ?? 'dist')
  await buildProgram(dir)
  if (values['with-native-packages']) copyPackages(nativePackages, dir)
}
