// Removes from node_modules what no program of this project reads: headers of Node, sources of
// libraries that also come compiled, compiled parts for other systems, source maps, pages of
// documentation, commands of a library that only the compiler of WebAssembly uses, other minifiers than
// the one that builds the page. `npm ci` runs
// it at its end with npm's Node, whatever version that is, so it is plain JavaScript.

import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const modulesDir = fileURLToPath(new URL('../node_modules', import.meta.url))

/** Folders and files, by the path of their package. */
const unused = [
  [/\/node(-bin)?-(linux|darwin|win)[^/]*$/, ['include', 'share']],
  [/\/better-sqlite3$/, ['deps', 'src']],
  [/\/binaryen$/, ['bin']],
  [/\/(avvio|bintrees|fast-json-stringify|fastify|find-my-way|pino)$/, ['docs', 'test']],
  // Forms for browsers.
  [/\/(react(-dom)?|bcryptjs)$/, ['umd']],
  // Node takes the other of two forms.
  [/\/(@aws-sdk|@smithy)\/[^/]+$/, ['dist-es']],
  // The page of recorded tests, and other languages of findings.
  [/\/playwright-core\/lib$/, ['vite', 'tools']],
  [/\/axe-core$/, ['locales', 'axe.js']],
  // Nothing is minified with it: release/build-page.mjs.
  [/\/lightningcss-[^/]+$/, [/\.node$/]],
  // Forms of React's interface, and tools for it.
  [/\/preact$/, ['debug', 'devtools', 'test-utils']],
  [/\/uplot\/dist$/, ['uPlot.cjs.js', 'uPlot.iife.js', 'uPlot.iife.min.js']],
  // The second form of each language, and names that nobody here uses.
  [/\/prismjs\/components$/, [/\.min\.js$/]],
  [/\/semantic-conventions\/dist$/, [/^(experimental|index-incubating)/]],
  // Types for compilers of 2019.
  [/\/(@aws-sdk|@smithy)\/[^/]+\/dist-types$/, ['ts3.4']],
]

/** Types for CommonJS; the compiler takes those for modules beside them. */
const commonTypes = /\.d\.cts$/

/** Pages that are not the terms of a licence. */
const page = /^(?!licen[cs]e|notice|copying).*\.md$/i

/**
 * Returns true for a compiled part of another system. Both C libraries of Linux count as this one.
 */
function isForeign(name) {
  const isForAll = !/(linux|darwin|win32|android|ios)/.test(name)
  if (isForAll) return false
  return !(name.startsWith(process.platform) && name.includes(`-${process.arch}`))
}

function entriesOf(dir) {
  try {
    return readdirSync(dir, { withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

function trim(dir) {
  const [, names = []] = unused.find(([pattern]) => pattern.test(dir)) ?? []
  for (const entry of entriesOf(dir)) {
    const path = join(dir, entry.name)
    const isUnused =
      names.some(name => (name instanceof RegExp ? name.test(entry.name) : name === entry.name)) ||
      (entry.isFile() &&
        (entry.name.endsWith('.map') || page.test(entry.name) || commonTypes.test(entry.name))) ||
      (basename(dir) === 'prebuilds' && isForeign(entry.name))
    if (isUnused) rmSync(path, { recursive: true, force: true })
    else if (entry.isDirectory()) trim(path)
  }
}

trim(modulesDir)
