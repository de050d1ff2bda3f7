// Bundles the program for a fast start.

import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { packageDirs, rootDir } from './packages.ts'

/** Packages with native code, which cannot be bundled. They must be installed where a bundle runs. */
export const nativePackages: readonly string[] = ['better-sqlite3', 'fs-native-extensions']

/** A file that another names by a URL relative to its own: `new URL('./worker.ts', import.meta.url)`. */
const neighbour = /new URL\(['"](\.[^'"]+)['"], import\.meta\.url\)/g

/** Files that may name others in that way. Reading all of node_modules for it would take long. */
const naming = /\/(packages\/[^/]+\/src\/.*\.ts|@platformatic\/wasm-utils\/.*\.js)$/

/** An `import` from what may be a module of Node, as esbuild writes it. */
const packageImport = /^import ([^;'"]+) from "([\w:/]+)";$/gm

/** Some bundled packages are CommonJS, and load Node's modules with `require`. */
const banner =
  "const require = globalThis.process.getBuiltinModule('node:module').createRequire(import.meta.url);"

/**
 * Bundles the command line and the files of its threads, with everything they import except `nativePackages`, into
 * `outDir`, which is emptied first. `main.js` there is the program. Returns the paths of the bundled files.
 * @throws Error when something cannot be resolved, or two files would get the same name.
 */
export async function bundleProgram(outDir: string): Promise<string[]> {
  rmSync(outDir, { recursive: true, force: true })
  mkdirSync(outDir, { recursive: true })
  const entryPoints = new Map([['main', join(rootDir, 'packages/skald/src/main.ts')]])
  for (const path of sourceFiles()) {
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(neighbour)) {
      const target = resolve(dirname(path), name)
      if (!target.endsWith('.ts')) continue
      const entry = basename(target, '.ts')
      if (entryPoints.has(entry)) throw new Error(`Two files would become ${entry}.js`)
      entryPoints.set(entry, target)
    }
  }
  const { metafile } = await build({
    entryPoints: Object.fromEntries(entryPoints),
    outdir: outDir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    // The forms that Node itself would load. The condition `module`, which is on otherwise, leads to forms that
    // release/trim-modules.mjs removes.
    conditions: [],
    mainFields: ['main'],
    // Errors carry the names of their classes.
    keepNames: true,
    external: [...nativePackages],
    banner: { js: banner },
    plugins: [neighbours(outDir)],
    logLevel: 'warning',
    absWorkingDir: rootDir,
    metafile: true,
  })
  for (const output of globSync(join(outDir, '*.js'))) {
    const text = readFileSync(output, 'utf8')
    for (const [url, name = ''] of text.matchAll(neighbour)) {
      if (!existsSync(resolve(outDir, name))) throw new Error(`${output}: ${url} is not there`)
    }
    writeFileSync(output, takeBuiltins(text))
  }
  return Object.keys(metafile.inputs).map(path => resolve(rootDir, path))
}

/**
 * Takes what a file imports from Node as properties of Node's modules. An `import` reads all properties of a module, also
 * those that load a further part of Node when they are read: of `node:http`, a client of its own.
 * @throws Error when an import has a form that is not known here.
 */
function takeBuiltins(text: string): string {
  const taken: string[] = []
  const rest = text.replace(packageImport, (statement, names: string, module: string) => {
    if (!isBuiltin(module)) return statement
    const [, whole, list] = /^(?:(?:\* as )?([\w$]+))?(?:,? ?(\{[^}]*\}))?$/.exec(names) ?? []
    if (whole === undefined && list === undefined) throw new Error(`Cannot bundle ${statement}`)
    const from = `globalThis.process.getBuiltinModule(${JSON.stringify(module)})`
    if (whole !== undefined) taken.push(`const ${whole} = ${from};`)
    if (list !== undefined) taken.push(`const ${list.replaceAll(' as ', ': ')} = ${from};`)
    return ''
  })
  return [...taken, rest].join('\n')
}

function sourceFiles(): string[] {
  return packageDirs().flatMap(dir =>
    globSync('src/**/*.ts', { cwd: join(rootDir, dir) }).map(path => join(rootDir, dir, path)),
  )
}

/** Points the URLs of neighbours to the files of the bundle, and copies what is no source there. */
function neighbours(outDir: string): Plugin {
  const copied = new Map<string, string>()
  function place(target: string): string {
    if (target.endsWith('.ts')) return `./${basename(target, '.ts')}.js`
    const name = basename(target)
    const other = copied.get(name)
    if (other !== undefined && other !== target)
      throw new Error(`${other} and ${target} have one name`)
    copied.set(name, target)
    copyFileSync(target, join(outDir, name))
    return `./${name}`
  }
  return {
    name: 'neighbours',
    setup({ onLoad }) {
      onLoad({ filter: naming }, async ({ path }) => {
        const text = await readFile(path, 'utf8')
        const contents = text.replace(
          neighbour,
          (_, name: string) => `new URL('${place(resolve(dirname(path), name))}', import.meta.url)`,
        )
        return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' }
      })
    },
  }
}
