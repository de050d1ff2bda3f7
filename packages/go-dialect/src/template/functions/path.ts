// Functions for paths with slashes, one row each.

import { fn } from '../function.ts'

const base = fn(['string'], baseOf)
const clean = fn(['string'], cleanPath)
const dir = fn(['string'], path => cleanPath(path.slice(0, path.lastIndexOf('/') + 1)))
const ext = fn(['string'], path => {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return name.includes('.') ? name.slice(name.lastIndexOf('.')) : ''
})
const isAbs = fn(['string'], path => path.startsWith('/'))

export const pathFunctions = {
  base,
  dir,
  clean,
  ext,
  isAbs,
  osBase: base,
  osDir: dir,
  osClean: clean,
  osExt: ext,
  osIsAbs: isAbs,
}

function baseOf(path: string): string {
  if (path === '') return '.'
  const trimmed = path.replace(/\/+$/, '')
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1)
}

/** Returns the shortest equivalent path. An empty path becomes `.`. */
function cleanPath(path: string): string {
  const isRooted = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (!isRooted) parts.push('..')
  }
  return (isRooted ? '/' : '') + parts.join('/') || '.'
}
