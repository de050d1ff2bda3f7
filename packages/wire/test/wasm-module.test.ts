import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'
import { openWasmModule } from '../src/wasm-module.ts'

test('a module is opened, and one that is missing or damaged is not', async t => {
  t.ok(openWasmModule(new URL('../build/snappy.wasm', import.meta.url)))
  t.equal(openWasmModule(new URL('../build/missing.wasm', import.meta.url)), undefined)
  const dir = t.testdir()
  writeFileSync(`${dir}/damaged.wasm`, 'no module')
  t.equal(openWasmModule(pathToFileURL(`${dir}/damaged.wasm`)), undefined)
  t.throws(() => openWasmModule(pathToFileURL(`${dir}/`)), { code: 'EISDIR' })
})
