// Lists the packages of this workspace in the order of their dependencies.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const rootDir = fileURLToPath(new URL('..', import.meta.url))

/** The parts of a package.json that a release reads. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly [key: string]: unknown
}

/** Reads a JSON file. */
export function readJson<Content>(path: string): Content {
  return JSON.parse(readFileSync(path, 'utf8')) as Content
}

/** Returns the folders of the packages below a root. */
export function packageDirs(root = rootDir): string[] {
  return readJson<{ workspaces: string[] }>(join(root, 'package.json')).workspaces
}
