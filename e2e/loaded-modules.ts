// Reads what module-record.ts has written.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { rootDir } from './skald-process.ts'

/**
 * The comment that esbuild puts above the code of each module. CommonJS modules are left out: they are functions, which
 * run only when the module is needed.
 */
const bundled = /^\/\/ ((?:packages|node_modules)\/.*)\n(?!var require_\w+ = __commonJS)/gm

/**
 * Returns the paths of the loaded modules, relative to the root, and the names of Node's internal ones. Of a bundle,
 * these are the modules that run with its loaded files.
 */
export function loadedModules(record: string): string[] {
  return readFileSync(record, 'utf8')
    .split('\n')
    .flatMap(line => {
      if (!/^file:.*\/dist\/.*\.js$/.test(line)) return [line.replace(`file://${rootDir}`, '')]
      return [...readFileSync(fileURLToPath(line), 'utf8').matchAll(bundled)].map(
        ([, path]) => path!,
      )
    })
}
