// A directory that is slow to list.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Puts 20,000 empty files into a directory: some 10 ms for each listing. */
export function fillDirectory(directory: string): void {
  for (let i = 0; i < 20_000; i++) writeFileSync(join(directory, `z${i}`), '')
}
