// node release/build-page.mjs: builds the page into one file, `packages/page/build/page.pack`. `npm ci` runs it at its
// end with npm's Node, whatever version that is, so it is plain JavaScript. Without the tools
// (`npm ci --omit=dev`) it does nothing, and the store shows a list of links instead of the page.

import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const packageDir = fileURLToPath(new URL('../packages/page/', import.meta.url))
const types = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

const vite = await loadVite()
if (vite) writePack(await bundle(vite))

/** Returns the builder, or undefined if it is not installed. */
async function loadVite() {
  try {
    return await import('vite')
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Returns the files of the page, and the folders of the packages in them. */
async function bundle({ build }) {
  const { output } = await build({
    root: packageDir,
    configFile: false,
    logLevel: 'warn',
    // Works below any prefix.
    base: './',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      write: false,
      target: 'es2022',
      // It is installed for the bundle of the program as well.
      cssMinify: 'esbuild',
      // The content policy allows no `data:` scripts, and small files are cached as well as large ones.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  })
  const modules = output.flatMap(({ moduleIds = [] }) => moduleIds)
  return { files: output.map(fileOf), modules }
}

function fileOf({ fileName, type, code, source }) {
  const content = Buffer.from(type === 'chunk' ? code : source)
  return { path: fileName, content }
}

function writePack({ files, modules }) {
  const packed = files.map(({ path, content }) => ({
    path,
    type: types[path.split('.').at(-1)],
    etag: `"${createHash('sha256').update(content).digest('hex').slice(0, 20)}"`,
    brotli: brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    gzip: gzipSync(content, { level: 9 }),
  }))
  for (const { path, type } of packed) if (!type) throw new Error(`${path} has an unknown type`)
  const list = packed.map(({ path, type, etag, brotli, gzip }) => ({
    ...{ path, type, etag },
    ...{ brotliBytes: brotli.length, gzipBytes: gzip.length },
  }))
  const bodies = packed.flatMap(({ brotli, gzip }) => [brotli, gzip])
  const text = `${JSON.stringify(list)}\n`
  mkdirSync(`${packageDir}build`, { recursive: true })
  writeWhole('page.pack', Buffer.concat([Buffer.from(text), ...bodies]))
  // release/program.ts reads it: their licences go beside the program.
  writeWhole('modules.json', JSON.stringify([...new Set(modules.map(withoutQuery))].sort()))
}

function withoutQuery(id) {
  return id.replace(/^\0+/, '').replace(/\?.*$/, '')
}

/** A store that starts meanwhile must not read half of it. */
function writeWhole(name, content) {
  writeFileSync(`${packageDir}build/${name}.new`, content)
  renameSync(`${packageDir}build/${name}.new`, `${packageDir}build/${name}`)
}
