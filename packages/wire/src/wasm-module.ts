// Opens WebAssembly that `npm ci` has built. Without the compiler it is missing, and the same work is done in
// JavaScript.

import { readFileSync } from 'node:fs'

/**
 * Returns the exports of a module, or `undefined` if it was not built or this Node cannot run it.
 *
 * @throws the system's error if the file cannot be read.
 */
export function openWasmModule(path: URL): object | undefined {
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path))).exports
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (isMissing || (error as Error).name === 'CompileError') return undefined
    throw error
  }
}
