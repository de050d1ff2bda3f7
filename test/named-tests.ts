// Shared code for pages whose rows name tests: those tests must exist.

import { existsSync, readFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)

/** Reads a file of the repository. */
export function readPage(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

/**
 * Returns what is wrong with the name of a test (file or test is missing), or `undefined`. `…`
 * stands for the variable part of a test with several forms.
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
