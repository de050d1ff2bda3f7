// What the pages of tests have in common: their rows name tests, and those must be there.

import { existsSync, readFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)

/** Reads a file of the repository. */
export function readPage(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

/**
 * Tells what is wrong with the name of a test: its file or the test is not there; nothing when it is. `…` stands for
 * what a test of several forms has there.
 */
export function problemOfTest(file: string, name: string): string | undefined {
  if (!existsSync(new URL(file, root))) return `there is no ${file}`
  const names = readPage(file).matchAll(/(?:^|\bt\.)\s*test\(\s*(['"`])(.*?)(?<!\\)\1,/gms)
  for (const [, quote = '', written = ''] of names) {
    const shown = written.replaceAll(`\\${quote}`, quote).replaceAll(/\$\{\w+\}/g, '…')
    if (shown === name) return undefined
  }
  return `${file} has no test called ${name}`
}
