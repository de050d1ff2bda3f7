// Where the links of a path are: each of these names can change what the path leads to.

import { lstatSync, readlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { linksPerPathMax } from '../limits.ts'

/**
 * Follows an absolute path link by link. Returns the places of the links, and last the place of what it
 * leads to. Follows links of directories as well. Returns undefined if it leads nowhere.
 */
export function linkPlaces(path: string): string[] | undefined {
  const places: string[] = []
  let names = namesOf(path)
  let real = '/'
  try {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (name === '..') {
        real = dirname(real)
        continue
      }
      const at = real === '/' ? `/${name}` : `${real}/${name}`
      if (!lstatSync(at).isSymbolicLink()) {
        real = at
        continue
      }
      if (places.push(at) > linksPerPathMax) return undefined
      const target = readlinkSync(at)
      names = [...namesOf(target), ...names]
      if (target.startsWith('/')) real = '/'
    }
  } catch {
    // A part is gone or unreadable.
    return undefined
  }
  return [...places, real]
}

function namesOf(path: string): string[] {
  return path.split('/').filter(name => name !== '' && name !== '.')
}
