// node release/build-wasm.mjs: compiles the WebAssembly of all packages. `npm ci` runs it at its end
// with npm's Node, whatever version that is, so it is plain JavaScript. Without the compiler
// (`npm ci --omit=dev`) it does nothing, and Skald does the same work in JavaScript.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const asc = await loadCompiler()
if (asc) {
  await build('wire', 'snappy')
  await build('query', 'field-spans')
  await build('store', 'filter-keys')
  await build('store', 'line-split', ['--initialMemory', '192', '--maximumMemory', '192'])
}

/** Returns the compiler, or undefined if it is not installed. */
async function loadCompiler() {
  try {
    return await import('assemblyscript/asc')
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Compiles `packages/PACKAGE/assembly/NAME.ts` to `packages/PACKAGE/build/NAME.wasm`. */
async function build(packageName, name, more = []) {
  const packageDir = new URL(`../packages/${packageName}/`, import.meta.url)
  const source = fileURLToPath(new URL('assembly/', packageDir))
  const target = fileURLToPath(new URL('build/', packageDir))
  const options = ['--config', 'asconfig.json', '--baseDir', source, '--outFile', `${name}.wasm`]
  let binary
  const { error, stderr } = await asc.main([`${name}.ts`, ...options, ...more], {
    writeFile: (_name, content) => {
      binary = content
    },
  })
  if (error) throw new Error(`${name}.ts does not compile:\n${stderr}`, { cause: error })
  mkdirSync(target, { recursive: true })
  // A program that starts meanwhile must not read half of it.
  writeFileSync(`${target}${name}.wasm.new`, binary)
  renameSync(`${target}${name}.wasm.new`, `${target}${name}.wasm`)
}
